"""Lab code's builtins: a copy of Python's own with the import bound, kept in line with changes of the originals.

CPython looks builtins up in a plain dict, and only a plain dict is fast, so a lab has one of its own. While a lab is
enabled, the ``builtins`` module is of a class that passes on each assignment (``mock.patch("builtins.open")``) and
each write through its ``__dict__`` (``gettext.install``) to the labs' dicts. Looking a builtin up is
as before; ``vars(builtins)`` is a copy that writes through.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hotlab.importing.views import NamespaceView

_lock = threading.Lock()
_copies: list[dict[str, Any]] = []
real_builtins: dict[str, Any] = vars(builtins)
_BOUND = "__import__"
_missing = object()


class LiveBuiltins(ModuleType):
    """The class of the ``builtins`` module while a lab is enabled."""

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return _Written(real_builtins)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        _pass_on(name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        _pass_on(name)


class _Written(NamespaceView):
    """What ``vars(builtins)`` gives.

    Cleared it is only to be filled again, as ``mock.patch.dict`` does: no code could run in between without builtins.
    """

    _cleared = False

    def clear(self) -> None:
        """As of a dict; the real one follows with the next update."""
        dict.clear(self)
        self._cleared = True

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As of a dict."""
        super().update(*args, **kwargs)
        if self._cleared:
            self._cleared = False
            for name in [name for name in real_builtins if name not in self]:
                self.drop(name)

    def store(self, name: str, value: Any) -> None:
        """See :class:`NamespaceView`."""
        real_builtins[name] = value
        _pass_on(name)

    def drop(self, name: str) -> None:
        """See :class:`NamespaceView`."""
        real_builtins.pop(name, None)
        _pass_on(name)


def _pass_on(name: str) -> None:
    if name == _BOUND or name.startswith("__hotlab"):
        return
    value = real_builtins.get(name, _missing)
    for copy in _copies:
        if value is _missing:
            copy.pop(name, None)
        else:
            copy[name] = value


def lab_builtins(bound_import: Callable[..., Any]) -> dict[str, Any]:
    """The ``__builtins__`` of a lab's modules."""
    table = dict(real_builtins)
    table[_BOUND] = bound_import
    return table


def keep_in_line(table: dict[str, Any]) -> None:
    """From here on changes of Python's builtins reach this table."""
    with _lock:
        for name, value in real_builtins.items():
            if name != _BOUND:
                table[name] = value
        if not any(copy is table for copy in _copies):
            _copies.append(table)
        if type(builtins) is ModuleType:
            builtins.__class__ = LiveBuiltins


def reset_in_child() -> None:
    """In a forked child no other thread holds the lock."""
    global _lock
    _lock = threading.Lock()


def let_go(table: dict[str, Any]) -> None:
    """Changes need not reach this table any more."""
    with _lock:
        _copies[:] = [copy for copy in _copies if copy is not table]
        if not _copies and type(builtins) is LiveBuiltins:
            ModuleType.__setattr__(builtins, "__class__", ModuleType)
