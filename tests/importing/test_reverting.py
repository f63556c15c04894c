"""Giving staged generations up, making older ones current again, and staging more than one."""

from __future__ import annotations

import pytest

import hotlab
from hotlab.importing import HotlabError
from tests.importing.lab_on_disk import LabOnDisk


def staged(lab: LabOnDisk, enabled: hotlab.Lab, **files: str) -> hotlab.Generation:
    """A generation with an edit, executed aside."""
    lab.write(**files)
    plan = enabled.plan()
    assert plan is not None
    return enabled.stage(plan)


def test_after_a_revert_an_edit_reaches_what_imports_it(lab: LabOnDisk) -> None:
    """A module whose file was gone in the generation that was left has its dependencies again."""
    lab.write(user="from .oven import V", oven="V = 1")
    enabled = lab.enable()
    lab.module("user")
    generation = enabled.current
    (lab.folder / lab.name / "user.py").unlink()
    assert lab.refresh().ok
    enabled.revert(generation)
    lab.write(user="from .oven import V", oven="V = 2")
    assert lab.refresh().ok
    assert lab.module("user").V == 2


LOOKS = """\
import pkgutil, sys, typing
V = {v}
class Cap: pass
class Tube:
    cap: 'Cap'
def look(): return (sys.modules[__name__].V, pkgutil.resolve_name(__name__ + ':V'),
                    typing.get_type_hints(Tube)['cap'] is Cap)
"""


def test_code_of_a_reverted_generation_finds_its_own(lab: LabOnDisk) -> None:
    """By name it finds its own module, although the current generation is an older one."""
    lab.write(main=LOOKS.format(v=1))
    enabled = lab.enable()
    old, generation = lab.module("main").look, enabled.current
    lab.write(main=LOOKS.format(v=2))
    assert lab.refresh().ok
    new = lab.module("main").look
    enabled.revert(generation)
    assert (old(), new()) == ((1, 1, True), (2, 2, True))


def test_a_generation_staged_for_another_base_is_refused(lab: LabOnDisk) -> None:
    """Committing it would undo what became current meanwhile, so it is an error and changes nothing."""
    lab.write(oven="V = 1", pump="V = 1")
    enabled = lab.enable()
    oven, pump = lab.module("oven"), lab.module("pump")
    stale = staged(lab, enabled, oven="V = 2")
    lab.write(pump="V = 2")
    assert lab.refresh().ok
    current = enabled.current
    with pytest.raises(HotlabError, match=rf"\b{stale.number}\b"):
        enabled.commit(stale)
    assert enabled.current is current
    assert (oven.V, pump.V) == (2, 2)


def test_a_generation_that_was_given_up_is_not_committed(lab: LabOnDisk) -> None:
    """Committing what was discarded is an error and changes nothing."""
    lab.write(oven="V = 1")
    enabled = lab.enable()
    oven, current = lab.module("oven"), enabled.current
    given_up = staged(lab, enabled, oven="V = 2")
    enabled.discard(given_up)
    with pytest.raises(HotlabError):
        enabled.commit(given_up)
    assert enabled.current is current
    assert oven.V == 1


def test_giving_one_staged_generation_up_leaves_another_whole(lab: LabOnDisk) -> None:
    """A module that is first imported while two are staged keeps its state when one of them is committed."""
    lab.write(oven="V = 1", pump="V = 1", late="SEEN = []")
    enabled = lab.enable()
    lab.module("oven"), lab.module("pump")
    one = staged(lab, enabled, oven="V = 2")
    other = staged(lab, enabled, pump="V = 2")
    lab.module("late").SEEN.append("state")
    enabled.discard(one)
    enabled.commit(other)
    assert lab.module("late").SEEN == ["state"]
    assert (lab.module("oven").V, lab.module("pump").V) == (2, 2)


def test_discarding_a_committed_generation_is_harmless(lab: LabOnDisk) -> None:
    """Where tasks may run it, it is still counted among those alive, also after a revert."""
    lab.write(oven="V = 1")
    enabled = lab.enable()
    lab.module("oven")
    before = enabled.current
    later = staged(lab, enabled, oven="V = 2")
    enabled.commit(later)
    enabled.discard(later)
    assert lab.module("oven").V == 2
    enabled.revert(before)
    enabled.discard(later)
    assert later in enabled.generations_alive()
    assert (lab.module("oven").V, later.modules[f"{lab.name}.oven"].V) == (1, 2)


def test_a_follower_that_fails_stops_nothing(lab: LabOnDisk) -> None:
    """Where one that follows a lab's generations raises, the commit is whole and the others are told."""
    lab.write(oven="V = 1")
    enabled = lab.enable()
    oven = lab.module("oven")
    told: list[int] = []

    def fails(_now: hotlab.Generation) -> None:
        raise RuntimeError("a fault of the follower's own")

    enabled.followers += [fails, lambda now: told.append(now.number)]
    later = staged(lab, enabled, oven="V = 2")
    enabled.commit(later)
    assert (oven.V, told) == (2, [later.number])
