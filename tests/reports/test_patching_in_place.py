"""Kind K19: patching in place corrupts code, globals or tracebacks."""

from __future__ import annotations

import dataclasses

from tests.importing.lab_on_disk import LabOnDisk


def test_r71_an_alias_that_is_pointed_elsewhere(lab: LabOnDisk) -> None:
    """[R71] `f = foo` becomes `f = bar`: foo is what it was, in the old generation and in the new one."""
    text = "def foo(): return 'foo'\ndef bar(): return 'bar'\nf = {which}\n"
    lab.write(oven=text.format(which="foo"), user="from .oven import f, foo")
    lab.enable()
    held = [lab.module("oven").foo, lab.module("oven").f, lab.module("user").f]
    lab.write(oven=text.format(which="bar"))
    assert lab.refresh().ok
    oven, user = lab.module("oven"), lab.module("user")
    assert (oven.foo(), oven.bar(), oven.f(), user.f(), user.foo()) == ("foo", "bar", "bar", "bar", "foo")
    assert [each() for each in held] == ["foo"] * 3


def test_r72_a_default_that_names_a_constant_of_the_class(lab: LabOnDisk) -> None:
    """[R72] Only the body of a method is edited; its default is evaluated inside the class, as on an import."""
    text = "class A:\n    C = {c}\n    def m(self, v=C, *, w=[C]): return {expression}\n"
    lab.write(a=text.format(c=12, expression="v"))
    lab.enable()
    old = lab.module("a").A()
    lab.write(a=text.format(c=12, expression="v + 1"))
    assert lab.refresh().ok
    assert (lab.module("a").A().m(), old.m()) == (13, 12)
    lab.write(a=text.format(c=20, expression="v + w[0]"))
    assert lab.refresh().ok
    assert (lab.module("a").A().m(), old.m()) == (40, 12)


def test_r73_a_field_added_to_a_dataclass_with_slots(lab: LabOnDisk) -> None:
    """[R73] New objects have it, in every method that dataclasses writes; an old task's object works without it."""
    text = (
        "import dataclasses\n@dataclasses.dataclass(slots=True, order=True)\nclass Recipe:\n    name: str\n{more}"
        "def run():\n    recipe = Recipe('old')\n    while True:\n"
        "        yield dataclasses.asdict(recipe), repr(recipe)\n"
        "        recipe = dataclasses.replace(recipe, name=recipe.name + '!')\n"
    )
    lab.write(recipe=text.format(more=""))
    lab.enable()
    task, held = lab.module("recipe").run(), lab.module("recipe").Recipe("held")
    assert next(task) == ({"name": "old"}, "Recipe(name='old')")
    lab.write(recipe=text.format(more="    minutes: int = 30\n"))
    assert lab.refresh().ok
    recipe = lab.module("recipe").Recipe("new")
    assert dataclasses.asdict(recipe) == {"name": "new", "minutes": 30}
    assert repr(recipe).endswith("Recipe(name='new', minutes=30)")
    assert recipe < lab.module("recipe").Recipe("new", 31)
    assert next(task) == ({"name": "old!"}, "Recipe(name='old!')")
    assert not hasattr(held, "minutes")
    assert held == type(held)("held") != recipe


def test_r73_other_changes_of_a_dataclass_are_taken_up(lab: LabOnDisk) -> None:
    """[R73] Frozen or not, an other default, a field that is gone: all as the text says."""
    text = "import dataclasses\n@dataclasses.dataclass(frozen={frozen})\nclass Recipe:\n{fields}"
    lab.write(recipe=text.format(frozen=False, fields="    a: int = 1\n    b: int = 2\n"))
    lab.enable()
    lab.module("recipe").Recipe().a = 5
    lab.write(recipe=text.format(frozen=True, fields="    b: int = 3\n"))
    assert lab.refresh().ok
    recipe = lab.module("recipe").Recipe()
    assert dataclasses.asdict(recipe) == {"b": 3}
    assert hash(recipe) == hash(lab.module("recipe").Recipe())
