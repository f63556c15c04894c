"""JSON values into typed ones, strictly: nothing is coerced but whole numbers to float.

Containers, unions and literals are checked here, so that each fault has its own line and path;
attrs classes, dataclasses and whatever else cattrs knows are made by cattrs, which is imported
when the first one is met. May be called from any thread.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

_LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_SETS = (set, frozenset, collections.abc.Set)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Mismatch(Exception):
    """Values that are not what their types say. `faults` are pairs of a path and what is wrong
    there.
    """

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path} {what}".strip() for path, what in faults))
        self.faults = faults


def structure(value: Any, expected: Any, path: str = "") -> Any:
    """`value` as `expected` says.

    Raises:
        Mismatch: all that does not fit.
    """
    expected = _bare(expected)
    if expected is Any or expected is object or isinstance(expected, TypeVar):
        return value
    kind = _kind(expected)
    if kind in _PLAIN:
        return _plain(value, kind, path)
    if kind is Literal:
        return _literal(value, expected, path)
    if kind is Union or kind is types.UnionType:
        return _union(value, expected, path)
    if kind is tuple:
        return _tuple(value, expected, path)
    if kind in _LISTS or kind is collections.abc.MutableSequence:
        return _items(value, (get_args(expected) or (Any,))[0], expected, path)
    if kind in _SETS:
        made = _items(value, (get_args(expected) or (Any,))[0], expected, path)
        return frozenset(made) if kind is frozenset else set(made)
    if kind in _DICTS:
        return _dict(value, expected, path)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enum(value, kind, path)
    return _by_cattrs(value, expected, path)


def type_name(expected: Any) -> str:
    """A type as people write it: ``list[float]``, ``str | None``."""
    expected = _bare(expected)
    if expected is None or expected is type(None):
        return "None"
    origin = get_origin(expected)
    if origin is Union or origin is types.UnionType:
        return " | ".join(type_name(member) for member in get_args(expected))
    if isinstance(expected, type) and origin is None:
        return expected.__qualname__
    return str(expected).replace("typing.", "").replace("collections.abc.", "")


def _bare(expected: Any) -> Any:
    """Without Annotated and NewType."""
    while True:
        if get_origin(expected) is Annotated:
            expected = get_args(expected)[0]
        elif hasattr(expected, "__supertype__"):
            expected = expected.__supertype__
        else:
            return type(None) if expected is None else expected


def _kind(expected: Any) -> Any:
    """The class behind a type: ``list`` of ``list[float]``."""
    return get_origin(expected) or expected


_PLAIN = (str, int, float, bool, type(None))


def _plain(value: Any, kind: Any, path: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise _wrong(value, kind, path)


def _literal(value: Any, expected: Any, path: str) -> Any:
    for allowed in get_args(expected):
        if type(allowed) is type(value) and allowed == value:
            return allowed
    allowed_values = ", ".join(map(repr, get_args(expected)))
    raise Mismatch([(path, f"is {_shown(value)}; must be one of {allowed_values}")])


def _enum(value: Any, kind: type[enum.Enum], path: str) -> enum.Enum:
    for member in kind:
        if type(member.value) is type(value) and member.value == value:
            return member
    allowed = ", ".join(repr(member.value) for member in kind)
    raise Mismatch([(path, f"is {_shown(value)}; must be one of {allowed} ({kind.__qualname__})")])


def _union(value: Any, expected: Any, path: str) -> Any:
    members: list[Any] = [_bare(member) for member in get_args(expected)]
    # An exact fit first: 5 stays an int where the type is float | int.
    members.sort(key=lambda member: type(value) is not _kind(member))
    faults: list[Mismatch] = []
    for member in members:
        try:
            return structure(value, member, path)
        except Mismatch as fault:
            faults.append(fault)
    inside = [fault for fault in faults if any(at != path for at, _ in fault.faults)]
    raise inside[0] if len(inside) == 1 else _wrong(value, expected, path)


def _tuple(value: Any, expected: Any, path: str) -> tuple[Any, ...]:
    members = get_args(expected)
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(_items(value, members[0], expected, path))
    if not members:
        return tuple(_items(value, Any, expected, path))
    if not isinstance(value, (list, tuple)):
        raise _wrong(value, expected, path)
    if len(value) != len(members):
        raise Mismatch([(path, f"has {len(value)} items; must have {len(members)}: {type_name(expected)}")])
    return tuple(
        _each(
            (functools.partial(structure, item, member, f"{path}[{i}]"))
            for i, (item, member) in enumerate(zip(value, members, strict=True))
        )
    )


def _items(value: Any, member: Any, expected: Any, path: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise _wrong(value, expected, path)
    return _each(functools.partial(structure, item, member, f"{path}[{i}]") for i, item in enumerate(value))


def _dict(value: Any, expected: Any, path: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(value, expected, path)
    _, member = get_args(expected) or (str, Any)
    keys = list(value)
    made = _each(
        functools.partial(structure, value[key], member, f"{path}.{key}" if path else str(key)) for key in keys
    )
    return dict(zip(keys, made, strict=True))


def _each(makers: collections.abc.Iterable[Callable[[], Any]]) -> list[Any]:
    """What the makers make; the faults of all of them together."""
    made: list[Any] = []
    faults: list[tuple[str, str]] = []
    for make in makers:
        try:
            made.append(make())
        except Mismatch as fault:
            faults.extend(fault.faults)
    if faults:
        raise Mismatch(faults)
    return made


def _by_cattrs(value: Any, expected: Any, path: str) -> Any:
    from cattrs import transform_error
    from cattrs.errors import StructureHandlerNotFoundError

    # Given a text or a list for a class, cattrs would complain of its own workings.
    if _has_fields(expected) and not isinstance(value, Mapping):
        raise _wrong(value, expected, path)
    try:
        return _converter().structure(value, expected)
    except StructureHandlerNotFoundError:
        raise Mismatch([(path, f"has the type {type_name(expected)}, which can't be made from JSON")]) from None
    except Exception as error:
        lines = transform_error(error, path="$", format_exception=_cattrs_line)
        raise Mismatch([_split(line, path) for line in lines]) from None


def _has_fields(expected: Any) -> bool:
    kind = _kind(expected)
    return any(hasattr(kind, mark) for mark in ("__attrs_attrs__", "__dataclass_fields__"))


def _cattrs_line(error: BaseException, expected: type | None) -> str:
    if isinstance(error, Mismatch):
        return "\0".join(f"{path}\1{what}" for path, what in error.faults)
    if isinstance(error, KeyError):
        return "is missing"
    text = str(error) or type(error).__name__
    return f"does not fit: {text}" if expected is None else f"does not fit {type_name(expected)}: {text}"


def _split(line: str, path: str) -> tuple[str, str]:
    """cattrs writes ``what @ $.field[0]``."""
    what, _, at = line.rpartition(" @ ")
    inner, separator, rest = what.partition("\1")
    at = f"{path}{at.removeprefix('$')}".lstrip(".")
    return (f"{at}{inner}", rest) if separator else (at, what)


@functools.lru_cache(maxsize=1)
def _converter() -> Any:
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook_func(_is_ours, structure)
    for plain in (str, int, float, bool):  # cattrs has hooks of its own for these, which coerce
        converter.register_structure_hook(plain, structure)
    return converter


def _is_ours(expected: Any) -> bool:
    expected = _bare(expected)
    kind = _kind(expected)
    if kind is Any or isinstance(expected, TypeVar):
        return True
    ours = (*_PLAIN, *_LISTS, *_SETS, *_DICTS, Literal, Union, types.UnionType, tuple)
    try:
        return kind in ours or (isinstance(kind, type) and issubclass(kind, enum.Enum))
    except TypeError:
        return False


def _wrong(value: Any, expected: Any, path: str) -> Mismatch:
    return Mismatch([(path, f"is {_shown(value)}; must be {type_name(expected)}")])


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = repr(value)
    short = text if len(text) <= 40 else f"{text[:37]}..."
    return f"{short} ({type(value).__qualname__})"
