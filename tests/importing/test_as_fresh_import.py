"""Classes and what is made of them: after an edit they are what plain Python makes on a fresh import."""

from __future__ import annotations

import pytest

from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import agree_on, in_plain_python, in_this_process


def test_singledispatch_across_modules(lab: LabOnDisk) -> None:
    """A generic function of one module, implemented in another, dispatches on the class of the edited text."""
    vials = (
        "from .dispatch import volume\n"
        "class Vial:\n    ml = {ml}\n"
        "@volume.register\ndef _(vial: Vial): return vial.ml\n"
        "@volume.register(list)\ndef _(rack): return sum(map(volume, rack))"
    )
    lab.write(
        dispatch="import functools\n@functools.singledispatch\ndef volume(x): return -1", vials=vials.format(ml=5),
        main="from .dispatch import volume\nfrom .vials import Vial\n"
        "def seen(): return [volume(Vial()), volume([Vial(), Vial()]), volume(3)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [5, 10, -1])
    for ml in (6, 7):
        lab.write(vials=vials.format(ml=ml))
        assert lab.refresh().ok
        agree_on(lab, [ml, 2 * ml, -1])


def test_singledispatchmethod_and_a_generic_function_that_is_edited(lab: LabOnDisk) -> None:
    """With the module of the generic function edited, every implementation is registered once, with the new one."""
    dispatch = (
        "import functools\n@functools.singledispatch\ndef volume(x): return {default}\n"
        "class Scale:\n    @functools.singledispatchmethod\n    def weigh(self, x): return {default}"
    )
    lab.write(
        dispatch=dispatch.format(default=-1),
        vials="from .dispatch import volume, Scale\nclass Vial: pass\n"
        "@volume.register\ndef _(vial: Vial): return 5\n"
        "@Scale.weigh.register\ndef _(self, vial: Vial): return 7",
        main="from .dispatch import volume, Scale\nfrom .vials import Vial\n"
        "def seen(): return [volume(Vial()), volume(0), Scale().weigh(Vial()), Scale().weigh(0), len(volume.registry)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [5, -1, 7, -1, 2])
    lab.write(dispatch=dispatch.format(default=-2))
    assert lab.refresh().ok
    agree_on(lab, [5, -2, 7, -2, 2])


def test_abc_registrations(lab: LabOnDisk) -> None:
    """A virtual subclass is one of the current ABC; the class of the text before the edit is not taken for it."""
    ovens = "from .base import Heater\n@Heater.register\nclass Oven:\n    N = {n}\nclass Fridge: pass"
    lab.write(
        base="import abc\nclass Heater(abc.ABC):\n    N = 1\n    @abc.abstractmethod\n    def heat(self): ...",
        ovens=ovens.format(n=1),
        main="from .base import Heater\nfrom .ovens import Oven, Fridge\n"
        "def seen(): return [isinstance(Oven(), Heater), issubclass(Fridge, Heater), Oven.N, Heater.N]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [True, False, 1, 1])
    lab.write(ovens=ovens.format(n=2))
    assert lab.refresh().ok
    agree_on(lab, [True, False, 2, 1])
    old = lab.module("ovens").Oven
    lab.write(base="import abc\nclass Heater(abc.ABC):\n    N = 3")
    assert lab.refresh().ok
    agree_on(lab, [True, False, 2, 3])
    assert not issubclass(old, lab.module("base").Heater)


def test_abc_subclasshook_and_abstract_methods(lab: LabOnDisk) -> None:
    """An abstract method added by an edit holds for subclasses in modules that were not edited."""
    lab.write(
        base="import abc\nclass Pump(abc.ABC):\n    pass",
        pumps="from .base import Pump\nclass Syringe(Pump): pass",
        main="from .pumps import Syringe\ndef seen():\n    try:\n        Syringe()\n"
        "    except TypeError:\n        return 'abstract'\n    return 'made'",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, "made")
    lab.write(base="import abc\nclass Pump(abc.ABC):\n    @abc.abstractmethod\n    def flow(self): ...")
    assert lab.refresh().ok
    agree_on(lab, "abstract")


def test_enum_members_are_one_each(lab: LabOnDisk) -> None:
    """Members are compared by identity, looked up by value and listed, in a module that was not edited."""
    cap = (
        "import enum\nclass Cap(enum.Enum):\n    RED = 1\n    BLUE = 2\n{more}"
        "class Mode(enum.Flag):\n    A = enum.auto()\n    B = enum.auto()\nN = 1"
    )
    lab.write(
        cap=cap.format(more=""), same="from .cap import Cap\ndef red(cap): return cap is Cap.RED",
        main="from .cap import Cap, Mode\nfrom .same import red\n"
        "def seen(): return [red(Cap(1)), red(Cap['RED']), red(Cap.BLUE), [c.name for c in Cap], len(Cap),\n"
        "    (Mode.A | Mode.B) is Mode(3), Mode.A in Mode(3)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [True, True, False, ["RED", "BLUE"], 2, True, True])
    lab.write(cap=cap.format(more="    GREEN = 3\n"))
    assert lab.refresh().ok
    agree_on(lab, [True, True, False, ["RED", "BLUE", "GREEN"], 3, True, True])


def test_dataclass_with_string_annotations(lab: LabOnDisk) -> None:
    """ClassVar, InitVar and KW_ONLY, written as strings, are resolved in the text that is being executed."""
    text = (
        "from __future__ import annotations\nimport dataclasses as {d}\nimport typing as {t}\n"
        "@{d}.dataclass\nclass Recipe:\n    made: {t}.ClassVar[int] = 0\n    seed: {d}.InitVar[int] = 1\n"
        "    steps: {t}.List[Recipe] = {d}.field(default_factory=list)\n    _: {d}.KW_ONLY\n    hot: bool = {hot}\n"
        "    def __post_init__(self, seed): self.seeded = seed\n"
        "@{d}.dataclass\nclass Step:\n    of: {t}.List[Recipe]"
    )
    lab.write(
        recipe=text.format(d="dc", t="ty", hot=False),
        main="import dataclasses, typing\nfrom .recipe import Recipe, Step\ndef seen():\n    r = Recipe(4)\n"
        "    hints = typing.get_type_hints(Step)\n"
        "    return [[(f.name, f.kw_only) for f in dataclasses.fields(r)], r.seeded, r.hot, Recipe.made,\n"
        "        hints['of'] == typing.List[Recipe], dataclasses.asdict(Recipe(1, [Recipe(2)]))]",
    )  # fmt: skip
    lab.enable()

    def expected(hot: bool) -> object:
        inner = {"steps": [], "hot": hot}
        return [[["steps", False], ["hot", True]], 4, hot, 0, True, {"steps": [inner], "hot": hot}]

    agree_on(lab, expected(False))
    lab.write(recipe=text.format(d="data", t="hints", hot=True))
    assert lab.refresh().ok
    agree_on(lab, expected(True))


def test_dataclass_with_slots_and_a_base_in_another_module(lab: LabOnDisk) -> None:
    """A field added to the base is in the subclass of a module that was not edited, also with slots."""
    base = "import dataclasses\n@dataclasses.dataclass(slots=True)\nclass Base:\n    a: int = 1\n{more}"
    lab.write(
        base=base.format(more=""),
        derived="import dataclasses\nfrom .base import Base\n"
        "@dataclasses.dataclass(slots=True)\nclass Derived(Base):\n    z: int = 9",
        main="import dataclasses\nfrom .derived import Derived\ndef seen():\n    d = Derived()\n"
        "    return [dataclasses.asdict(d), 'z' in Derived.__slots__, hasattr(d, '__dict__'),\n"
        "        dataclasses.replace(d, z=1) == Derived(z=1)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [{"a": 1, "z": 9}, True, False, True])
    lab.write(base=base.format(more="    b: int = 2"))
    assert lab.refresh().ok
    agree_on(lab, [{"a": 1, "b": 2, "z": 9}, True, False, True])


def test_pydantic_models_with_forward_references(lab: LabOnDisk) -> None:
    """Models that name later classes, one another and another module's models validate by the edited text."""
    pytest.importorskip("pydantic")
    text = (
        "from __future__ import annotations\nfrom typing import List, Optional\nfrom pydantic import BaseModel\n"
        "from .vials import Vial\n"
        "class Recipe(BaseModel):\n    steps: List[Step] = []\n    vial: Optional[Vial] = None\n"
        "class Step(BaseModel):\n    minutes: {minutes}\n    then: Optional[Recipe] = None"
    )
    lab.write(
        vials="from pydantic import BaseModel\nclass Vial(BaseModel):\n    ml: int",
        recipe=text.format(minutes="int"),
        main="from pydantic import ValidationError\nfrom .recipe import Recipe\nfrom .vials import Vial\n"
        "def seen():\n    r = Recipe.model_validate({'steps': [{'minutes': 3, 'then': {'vial': {'ml': 1}}}]})\n"
        "    try:\n        Recipe(steps=[{'minutes': 2.5}])\n        fraction = True\n"
        "    except ValidationError:\n        fraction = False\n"
        "    return [r.model_dump(), type(r.steps[0].then.vial) is Vial, fraction, Recipe.model_json_schema()]",
    )  # fmt: skip
    lab.enable()

    def expect(fraction: bool, vial: dict[str, int]) -> None:
        live = in_this_process(lab)
        assert live == in_plain_python(lab)
        assert live[1:3] == [True, fraction]
        assert live[0]["steps"][0]["then"]["vial"] == vial

    expect(False, {"ml": 1})
    lab.write(recipe=text.format(minutes="float"))
    assert lab.refresh().ok
    expect(True, {"ml": 1})
    lab.write(vials="from pydantic import BaseModel\nclass Vial(BaseModel):\n    ml: int\n    n: int = 2")
    assert lab.refresh().ok
    expect(True, {"ml": 1, "n": 2})


def test_attrs_resolve_types(lab: LabOnDisk) -> None:
    """String annotations of an attrs class resolve to the current classes, at import and when asked later."""
    text = (
        "from __future__ import annotations\nimport attrs\nfrom .vials import Vial\n"
        "@attrs.define\nclass Rack:\n    vial: Vial\n    next: Rack | None = None\n    n: {kind} = 0\n"
        "{at_import}"
    )
    lab.write(
        vials="class Vial: N = 1", rack=text.format(kind="int", at_import=""),
        main="import attrs\nfrom .rack import Rack\nfrom .vials import Vial\ndef seen():\n"
        "    attrs.resolve_types(Rack)\n    f = attrs.fields(Rack)\n"
        "    return [f.vial.type is Vial, f.next.type == (Rack | None), f.n.type.__name__, Vial.N]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [True, True, "int", 1])
    lab.write(rack=text.format(kind="float", at_import="attrs.resolve_types(Rack)"))
    assert lab.refresh().ok
    agree_on(lab, [True, True, "float", 1])
    lab.write(vials="class Vial: N = 2")
    assert lab.refresh().ok
    agree_on(lab, [True, True, "float", 2])


@pytest.mark.parametrize("form", ["super()", "super(Pump, self)"])
def test_super_in_both_forms(lab: LabOnDisk, form: str) -> None:
    """A subclass reaches the edited base class, and an object of before the edit its own base."""
    lab.write(
        base="class Base:\n    def __init__(self, port): self.port = port\n    def flow(self): return 1",
        pump="from .base import Base\nclass Pump(Base):\n"
        f"    def __init__(self, port):\n        {form}.__init__(port)\n    def flow(self): return {form}.flow() * 10",
        main="from .pump import Pump\ndef seen():\n    p = Pump(7)\n    return [p.port, p.flow()]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [7, 10])
    old = lab.module("pump").Pump(3)
    lab.write(base="class Base:\n    def __init__(self, port): self.port = -port\n    def flow(self): return 2")
    assert lab.refresh().ok
    agree_on(lab, [-7, 20])
    assert (old.flow(), type(old)(4).port) == (10, 4)


def test_init_subclass(lab: LabOnDisk) -> None:
    """What `__init_subclass__` collects is what a fresh import collects, once each, of modules not edited too."""
    base = (
        "class Device:\n    kinds = {{}}\n    def __init_subclass__(cls, *, kind, **rest):\n"
        "        super().__init_subclass__(**rest)\n        cls.kinds[kind] = cls.__name__ + {suffix!r}"
    )
    lab.write(
        base=base.format(suffix=""),
        arm="from .base import Device\nclass Arm(Device, kind='arm'): pass",
        oven="from .base import Device\nclass Oven(Device, kind='oven'): pass",
        main="from . import arm, oven\nfrom .base import Device\n"
        "def seen(): return [sorted(Device.kinds.items()), sorted(c.__name__ for c in Device.__subclasses__())]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [[["arm", "Arm"], ["oven", "Oven"]], ["Arm", "Oven"]])
    lab.write(base=base.format(suffix="!"), oven="from .base import Device\nclass Mill(Device, kind='mill'): pass")
    assert lab.refresh().ok
    agree_on(lab, [[["arm", "Arm!"], ["mill", "Mill!"]], ["Arm", "Mill"]])


def test_metaclasses(lab: LabOnDisk) -> None:
    """A metaclass that is edited makes the classes of modules that were not."""
    meta = (
        "class Meta(type):\n    made = []\n    def __new__(meta, name, bases, space, **options):\n"
        "        cls = super().__new__(meta, name, bases, space)\n        cls.tag = {tag!r}\n"
        "        meta.made.append(name)\n        return cls\n    def __call__(cls, *a):\n"
        "        made = super().__call__(*a)\n        made.by = {tag!r}\n        return made"
    )
    lab.write(
        meta=meta.format(tag="one"),
        arm="from .meta import Meta\nclass Arm(metaclass=Meta, reach=3): pass\nclass Long(Arm): pass",
        main="from .arm import Arm, Long\nfrom .meta import Meta\n"
        "def seen(): return [Arm.tag, Long().by, Meta.made, type(Long) is Meta, isinstance(Long(), Arm)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, ["one", "one", ["Arm", "Long"], True, True])
    lab.write(meta=meta.format(tag="two"))
    assert lab.refresh().ok
    agree_on(lab, ["two", "two", ["Arm", "Long"], True, True])


def test_named_tuples_typed_dicts_protocols_and_generics(lab: LabOnDisk) -> None:
    """What typing makes of classes is made anew with the class that was edited."""
    vials = "class Vial:\n    def ml(self): return {ml}"
    lab.write(
        vials=vials.format(ml=1),
        types_="from __future__ import annotations\nimport typing\nfrom .vials import Vial\nT = typing.TypeVar('T')\n"
        "class Place(typing.NamedTuple):\n    row: int\n    vial: Vial\n"
        "class Asked(typing.TypedDict, total=False):\n    vial: Vial\n"
        "@typing.runtime_checkable\nclass Holds(typing.Protocol):\n    def ml(self) -> int: ...\n"
        "class Box(typing.Generic[T]):\n    of: T",
        main="import typing\nfrom .types_ import Asked, Box, Holds, Place\nfrom .vials import Vial\n"
        "def seen(): return [Place(1, Vial()).vial.ml(), typing.get_type_hints(Place)['vial'] is Vial,\n"
        "    typing.get_type_hints(Asked) == {'vial': Vial}, isinstance(Vial(), Holds),\n"
        "    typing.get_args(Box[Vial]) == (Vial,)]",
    )  # fmt: skip
    lab.enable()
    agree_on(lab, [1, True, True, True, True])
    lab.write(vials=vials.format(ml=2))
    assert lab.refresh().ok
    agree_on(lab, [2, True, True, True, True])
