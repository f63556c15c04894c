"""What code of an old generation finds about itself: its own generation, never the current one in silence."""

from __future__ import annotations

import inspect
import queue
import threading
import traceback
import typing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0

LOOKS = """\
from __future__ import annotations
import importlib, pkgutil, sys
from . import oven
V = {v}
def by_name(): return sys.modules[__name__].V
def by_dict(): return sys.modules[__name__].__dict__['V']
def by_vars(): return vars(sys.modules[__name__])['V']
def by_getattr(): return getattr(sys.modules[__name__], 'V')
def of_oven(): return sys.modules[__package__ + '.oven'].V
def through_package(): return sys.modules[__package__].oven.V
def in_a_list(): return [sys.modules[name].V for name in [__name__, __package__ + '.oven']][1]
def in_a_lambda(): return (lambda: sys.modules[__name__].V)()
def resolved(): return pkgutil.resolve_name(__name__ + ':V')
def resolved_oven(): return pkgutil.resolve_name(__package__ + '.oven:V')
def resolved_dots(): return pkgutil.resolve_name(__package__ + '.oven.V')
def resolved_module(): return pkgutil.resolve_name(__package__ + '.oven').V
def imported_by_importlib(): return importlib.import_module('.oven', __package__).V
def imported_by_dunder(): return __import__(__package__ + '.oven', fromlist=['V']).V
def is_there(): return {v} if hasattr(sys.modules[__name__], 'only_{v}') else None
only_{v} = True
"""
WAYS = [line.split("(")[0].removeprefix("def ") for line in LOOKS.splitlines() if line.startswith("def ")]


def directly(function: Callable[[], Any]) -> Any:
    """The test itself calls."""
    return function()


def on_a_thread(function: Callable[[], Any]) -> Any:
    """A thread that outside code starts."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(WAIT)


def by_a_timer(function: Callable[[], Any]) -> Any:
    """A timer that outside code sets."""
    found: list[Any] = []
    timer = threading.Timer(0.0, lambda: found.append(function()))
    timer.start()
    timer.join(WAIT)
    return found[0]


def by_c_code(function: Callable[[], Any]) -> Any:
    """A call with no Python frame right above that of the function."""
    return next(iter(function, object()))


@pytest.mark.parametrize("call", [directly, on_a_thread, by_a_timer, by_c_code])
@pytest.mark.parametrize("way", WAYS)
def test_old_code_finds_its_own_module_by_name(lab: LabOnDisk, way: str, call: Callable[..., Any]) -> None:
    """`sys.modules[__name__]`, its attributes and its dict, and `pkgutil.resolve_name`, over three generations."""
    held = []
    for v in (1, 2, 3):
        lab.write(oven=f"V = {v}", main=LOOKS.format(v=v))
        lab.enable()
        assert lab.refresh().ok
        held.append(getattr(lab.module("main"), way))
        assert [call(each) for each in held] == list(range(1, v + 1))


@pytest.mark.parametrize("way", ["by_name", "by_dict", "of_oven", "resolved", "resolved_oven"])
def test_a_suspended_generator_finds_its_own_module_by_name(lab: LabOnDisk, way: str) -> None:
    """A generator that was suspended before the edit, and resumed by the test, asks in its own generation."""
    text = LOOKS + f"def gen():\n    while True:\n        yield {way}()\n"
    held = []
    for v in (1, 2, 3):
        lab.write(oven=f"V = {v}", main=text.format(v=v))
        lab.enable()
        assert lab.refresh().ok
        held.append(lab.module("main").gen())
        assert [next(each) for each in held] == list(range(1, v + 1))


def test_an_old_thread_finds_its_own_module_by_name(lab: LabOnDisk) -> None:
    """A thread that lab code began before the edit, and that asks after it."""
    text = LOOKS + (
        "import queue, threading\ndef begin(asked, told):\n    def work():\n        for _ in iter(asked.get, None):\n"
        "            told.put((by_name(), of_oven(), resolved_oven()))\n"
        "    thread = threading.Thread(target=work)\n    thread.start()\n    return thread\n"
    )
    import queue

    held: list[tuple[queue.Queue[Any], queue.Queue[Any], threading.Thread]] = []
    try:
        for v in (1, 2, 3):
            lab.write(oven=f"V = {v}", main=text.format(v=v))
            lab.enable()
            assert lab.refresh().ok
            asked, told = queue.Queue[Any](), queue.Queue[Any]()
            held.append((asked, told, lab.module("main").begin(asked, told)))
            for number, (ask, tell, _) in enumerate(held, 1):
                ask.put(True)
                assert tell.get(timeout=WAIT) == (number, number, number)
    finally:
        for ask, _, thread in held:
            ask.put(None)
            thread.join(WAIT)


def test_outside_code_between_lab_frames_sees_the_nearest_lab_code(lab: LabOnDisk) -> None:
    """Old code that calls new code: what the new code asks for is the new generation's, and the other way round."""
    text = "import sys\nV = {v}\ndef ask(): return sys.modules[__name__].V\ndef pass_on(other): return other(), ask()"
    lab.write(main=text.format(v=1))
    lab.enable()
    old = lab.module("main")
    old_ask, old_pass = old.ask, old.pass_on
    lab.write(main=text.format(v=2))
    assert lab.refresh().ok
    new_ask, new_pass = lab.module("main").ask, lab.module("main").pass_on
    assert old_pass(new_ask) == (2, 1)
    assert new_pass(old_ask) == (1, 2)
    assert lab.module("main").V == 2, "and the test itself sees the current one"


def test_what_old_code_writes_to_its_module_by_name_stays_there(lab: LabOnDisk) -> None:
    """`setattr(sys.modules[__name__], ...)` in old code changes its own globals, not the current module's."""
    text = (
        "import sys\nV = {v}\ndef put(value):\n    setattr(sys.modules[__name__], 'V', value)\n"
        "    sys.modules[__name__].W = value\ndef get(): return V, globals().get('W')"
    )
    lab.write(main=text.format(v=1))
    lab.enable()
    put, get = lab.module("main").put, lab.module("main").get
    lab.write(main=text.format(v=2))
    assert lab.refresh().ok
    put(9)
    assert get() == (9, 9)
    assert lab.module("main").get() == (2, None)
    assert lab.module("main").V == 2


HINTS = """\
from __future__ import annotations
import dataclasses, typing
import attrs
from .oven import Oven
class {own}: pass
class Rack:
    of: {own}
    oven: Oven
def fill(rack: Rack, own: {own}) -> typing.List[Oven]: ...
def hints(): return typing.get_type_hints(Rack)
def hints_of_function(): return typing.get_type_hints(fill)
def own(): return {own}, Oven
def made_dataclass():
    @dataclasses.dataclass
    class Made:
        kind: {typing}.ClassVar[int] = 1
        seed: {dataclasses}.InitVar[int] = 2
        own: {own} = None
        def __post_init__(self, seed): self.seeded = seed
    return Made
def made_attrs():
    @attrs.define
    class Made:
        own: {own} = None
        oven: Oven = None
        kind: typing.ClassVar[int] = 1
    return attrs.resolve_types(Made)
def made_by_call():
    return dataclasses.make_dataclass('Made', [('own', '{own}'), ('n', 'int', 3)], namespace={{'__module__': __name__}})
def made_named_tuple():
    class Made(typing.NamedTuple):
        own: {own}
    return Made
import typing as {typing}
import dataclasses as {dataclasses}
"""


def two_generations_of_hints(lab: LabOnDisk) -> tuple[Any, Any]:
    """The namespaces of two generations whose modules share no name of class and no alias."""
    found = []
    for v, (own, typing_, dataclasses_) in enumerate([("Vial", "ty", "dc"), ("Tube", "words", "data")]):
        lab.write(oven=f"class Oven: N = {v}", main=HINTS.format(own=own, typing=typing_, dataclasses=dataclasses_))
        lab.enable()
        assert lab.refresh().ok
        found.append(dict(vars(lab.module("main"))))
    return found[0], found[1]


def list_of(kind: Any) -> Any:
    """`typing.List` of a class that only the running test knows."""
    listed: Any = typing.List  # noqa: UP006
    return listed[kind]


def test_type_hints_of_old_classes_and_functions(lab: LabOnDisk) -> None:
    """`typing.get_type_hints`, called by old code, resolves names that only its own generation has."""
    for space in two_generations_of_hints(lab):
        own, oven = space["own"]()
        assert space["hints"]() == {"of": own, "oven": oven}
        assert space["hints_of_function"]() == {"rack": space["Rack"], "own": own, "return": list_of(oven)}


def test_type_hints_of_old_functions_asked_from_outside(lab: LabOnDisk) -> None:
    """A function leads to its globals, whoever asks."""
    for space in two_generations_of_hints(lab):
        own, oven = space["own"]()
        assert typing.get_type_hints(space["fill"])["own"] is own
        assert typing.get_type_hints(space["fill"])["return"] == list_of(oven)


def test_dataclasses_made_by_old_code(lab: LabOnDisk) -> None:
    """ClassVar and InitVar behind an alias that only the old text has, in a class made after the edit."""
    import dataclasses

    for space in two_generations_of_hints(lab):
        made = space["made_dataclass"]()
        assert [field.name for field in dataclasses.fields(made)] == ["own"]
        assert made(seed=5).seeded == 5
        by_call = space["made_by_call"]()
        assert [field.name for field in dataclasses.fields(by_call)] == ["own", "n"]
        assert by_call(1) == by_call(1, 3)


def test_attrs_classes_and_named_tuples_made_by_old_code(lab: LabOnDisk) -> None:
    """`attrs.resolve_types` in old code gives the classes of its own generation; so do typing's own classes."""
    import attrs

    for space in two_generations_of_hints(lab):
        own, oven = space["own"]()
        fields = attrs.fields(space["made_attrs"]())
        assert [field.name for field in fields] == ["own", "oven"]
        assert (fields.own.type, fields.oven.type) == (own, oven)
        assert space["made_named_tuple"]()(1).own == 1


SOURCES = """\
{before}import inspect, sys, traceback
def fails(what):
    return 1 // what  # the text of {v}
class Oven:
    '''Version {v}.'''
    def heat(self):
        return {v}
def source_of_function(): return inspect.getsource(fails)
def source_of_class(): return inspect.getsource(Oven)
def source_of_method(): return inspect.getsource(Oven.heat)
def source_of_frame(): return ''.join(inspect.getsource(sys._getframe()))
def source_of_module(): return inspect.getsource(sys.modules[__name__])
def formatted():
    try:
        fails(0)
    except ZeroDivisionError:
        return traceback.format_exc()
def logged():
    import io, logging
    stream = io.StringIO()
    logger = logging.Logger('lab')
    logger.addHandler(logging.StreamHandler(stream))
    try:
        fails(0)
    except ZeroDivisionError:
        logger.exception('failed')
    return stream.getvalue()
"""


def generations_of_sources(lab: LabOnDisk) -> list[tuple[int, dict[str, Any]]]:
    """Version and namespace of three generations, in each of which every line is at another place."""
    found = []
    for v in (1, 2, 3):
        lab.write(main=SOURCES.format(v=v, before="# moved\n" * (v % 3) * 4))
        lab.enable()
        assert lab.refresh().ok
        inspect.getsource(lab.module("main").fails)  # fills linecache, as a tool would
        found.append((v, dict(vars(lab.module("main")))))
    return found


def test_source_of_old_code_asked_by_old_code(lab: LabOnDisk) -> None:
    """`inspect.getsource` of a function, a class, a method, a frame and the module gives the old text."""
    for v, space in generations_of_sources(lab):
        assert f"# the text of {v}\n" in space["source_of_function"]()
        assert space["source_of_function"]().startswith("def fails(what):\n")
        assert space["source_of_class"]().startswith(f"class Oven:\n    '''Version {v}.'''\n")
        assert f"return {v}\n" in space["source_of_method"]()
        assert space["source_of_frame"]().startswith("def source_of_frame()")
        assert space["source_of_module"]() == SOURCES.format(v=v, before="# moved\n" * (v % 3) * 4)


def test_source_of_old_functions_asked_from_outside(lab: LabOnDisk) -> None:
    """A function, a method, a code object and a class lead to the text they were made from, whoever asks."""
    for v, space in generations_of_sources(lab):
        assert f"# the text of {v}\n" in inspect.getsource(space["fails"])
        assert f"# the text of {v}\n" in inspect.getsource(space["fails"].__code__)
        assert f"return {v}\n" in inspect.getsource(space["Oven"].heat)
        assert inspect.getsource(space["Oven"]().heat).startswith("    def heat(self):")


def test_the_file_of_current_code_is_the_real_one(lab: LabOnDisk) -> None:
    """Current functions, nested ones too, carry the path of the file: editors and debuggers open it."""
    for _, space in generations_of_sources(lab)[-1:]:
        path = str(lab.folder / lab.name / "main.py")
        assert space["fails"].__code__.co_filename == path
        assert space["Oven"].heat.__code__.co_filename == path
        assert inspect.getsourcefile(space["fails"]) == path
        assert inspect.getfile(lab.module("main")) == path


def test_tracebacks_of_old_code_show_the_old_text(lab: LabOnDisk) -> None:
    """`traceback.format_exc`, `logging` and a traceback formatted by outside code quote the line that ran."""
    for v, space in generations_of_sources(lab):
        for text in (space["formatted"](), space["logged"](), failure_of(space["fails"])):
            assert f"return 1 // what  # the text of {v}\n" in text, text
            assert f"line {3 + (v % 3) * 4}, in fails" in text, text
            assert str(lab.folder / lab.name / "main.py") in text, text


def failure_of(fails: Callable[[int], object]) -> str:
    """The traceback of a call, as this module formats it."""
    with pytest.raises(ZeroDivisionError) as caught:
        fails(0)
    return "".join(traceback.format_exception(caught.value))


def test_tracebacks_of_code_that_is_gone_from_disk(lab: LabOnDisk) -> None:
    """A module that was deleted, and one that was emptied: old code still shows what it ran."""
    lab.write(
        gone="def fails(what):\n    return 1 // what  # gone", cut="def fails(what):\n    return 1 // what  # cut"
    )
    lab.enable()
    gone, cut = lab.module("gone").fails, lab.module("cut").fails
    (lab.folder / lab.name / "gone.py").unlink()
    lab.write(cut="")
    assert lab.refresh().ok
    assert "return 1 // what  # gone" in failure_of(gone)
    assert "return 1 // what  # cut" in failure_of(cut)
    assert "# cut" in inspect.getsource(cut)


def test_code_of_a_module_that_no_edit_touched_keeps_its_file(lab: LabOnDisk) -> None:
    """A module that is shared by generations is not old: its code keeps the real path, also after many edits."""
    lab.write(oven="def fails(what):\n    return 1 // what", main="V = 0")
    lab.enable()
    lab.module("main")
    fails = lab.module("oven").fails
    for v in (1, 2, 3):
        lab.write(main=f"V = {v}")
        assert lab.refresh().ok
    assert fails.__code__.co_filename == str(lab.folder / lab.name / "oven.py")
    assert fails is lab.module("oven").fails


def test_old_code_does_not_find_modules_that_came_later(lab: LabOnDisk) -> None:
    """`from . import new`, in old code, of a module that only a later generation has, is an ImportError."""
    lab.write(main="def ask():\n    try:\n        from . import new\n    except ImportError as error:\n"
              "        return str(error)\n    return new")  # fmt: skip
    lab.enable()
    ask = lab.module("main").ask
    before = ask()
    assert "cannot import name 'new'" in before
    lab.write(new="V = 1")
    assert lab.refresh().ok
    lab.module("new")
    assert ask() == before
    assert lab.module("main").ask().V == 1
