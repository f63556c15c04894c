"""Dramatiq actors that lab modules declare: they come and go with the module that declared them."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import dramatiq
import dramatiq.broker
import pytest
from dramatiq.brokers.stub import StubBroker

import hotlab
from tests.importing import meeting
from tests.importing.lab_on_disk import LabOnDisk
from tests.importing.plain_python import agree_on

WAIT = 20.0

BAKE = """\
import dramatiq

@dramatiq.actor(queue_name="ovens")
def bake(degrees):
    return degrees * {v}
"""


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    """A broker of the test's own that is dramatiq's global one for the time of the test."""
    before = dramatiq.broker.global_broker
    made = StubBroker(middleware=[])
    dramatiq.set_broker(made)
    yield made
    made.close()
    dramatiq.broker.global_broker = before


def test_a_reload_replaces_an_actor(lab: LabOnDisk, broker: StubBroker) -> None:
    """Declaring the name again is no error for a reload: the broker has the current module's actor, once."""
    lab.write(
        tasks=BAKE.format(v=1),
        main="import dramatiq\nfrom dramatiq.brokers.stub import StubBroker\n"
        "if not isinstance(dramatiq.broker.global_broker, StubBroker):\n"
        "    dramatiq.set_broker(StubBroker(middleware=[]))\n"
        "from .tasks import bake\ndef seen():\n    actors = bake.broker.actors\n"
        "    return [sorted(actors), actors['bake'] is bake, actors['bake'](10), bake.queue_name]",
    )
    lab.enable()
    for v in (1, 2, 3):
        lab.write(tasks=BAKE.format(v=v))
        assert lab.refresh().ok
        agree_on(lab, [["bake"], True, 10 * v, "ovens"])
    assert broker.actors["bake"] is lab.module("tasks").bake
    assert broker.get_actor("bake") is lab.module("tasks").bake


def test_an_old_actor_still_runs_its_own_code(lab: LabOnDisk, broker: StubBroker) -> None:
    """Who holds the actor of before the edit calls the code of before the edit."""
    lab.write(tasks=BAKE.format(v=1))
    lab.enable()
    old = lab.module("tasks").bake
    lab.write(tasks=BAKE.format(v=2))
    assert lab.refresh().ok
    assert (old(10), broker.actors["bake"](10)) == (10, 20)
    assert old is not broker.actors["bake"]


@pytest.mark.parametrize("fault", ["1/0", "raise SystemExit", "def ("])
def test_a_refused_edit_restores_the_very_actors(lab: LabOnDisk, broker: StubBroker, fault: str) -> None:
    """Whatever was declared before the fault: the broker holds the same objects, in the same order."""

    @dramatiq.actor
    def outside() -> None: ...

    lab.write(tasks=BAKE.format(v=1), cool=BAKE.replace("bake", "cool").format(v=1), main="from . import tasks, cool")
    lab.enable()
    lab.module("main")
    before = list(broker.actors.items())
    assert [name for name, _ in before] == ["outside", "bake", "cool"]
    lab.write(
        tasks=BAKE.format(v=2) + BAKE.replace("bake", "mill").format(v=2),
        cool=BAKE.replace("bake", "chill").format(v=2),
        main=f"from . import tasks, cool\n{fault}",
    )
    for _ in range(2):
        assert not lab.refresh().ok
        after = list(broker.actors.items())
        assert [name for name, _ in after] == ["outside", "bake", "cool"]
        assert all(now is then for (_, now), (_, then) in zip(after, before, strict=True))
    lab.write(main="from . import tasks, cool")
    assert lab.refresh().ok
    assert sorted(broker.actors) == ["bake", "chill", "mill", "outside"]
    assert broker.actors["outside"] is outside


def test_an_actor_whose_text_is_removed_goes(lab: LabOnDisk, broker: StubBroker) -> None:
    """Removed from its module, renamed, or gone with its file: a message for it finds no actor."""
    lab.write(
        tasks=BAKE.format(v=1) + BAKE.replace("bake", "cool").format(v=1),
        mill=BAKE.replace("bake", "mill").format(v=1), main="from . import tasks, mill",
    )  # fmt: skip
    lab.enable()
    lab.module("main")
    assert sorted(broker.actors) == ["bake", "cool", "mill"]
    lab.write(tasks=BAKE.replace("bake", "roast").format(v=1))
    assert lab.refresh().ok
    assert sorted(broker.actors) == ["mill", "roast"]
    (lab.folder / lab.name / "mill.py").unlink()
    lab.write(main="from . import tasks")
    assert lab.refresh().ok
    assert sorted(broker.actors) == ["roast"]
    with pytest.raises(dramatiq.ActorNotFound):
        broker.get_actor("mill")


def test_an_actor_of_a_module_that_is_not_affected_stays(lab: LabOnDisk, broker: StubBroker) -> None:
    """Like the module itself it is the very object."""
    lab.write(tasks=BAKE.format(v=1), mill=BAKE.replace("bake", "mill").format(v=1), main="from . import tasks, mill")
    lab.enable()
    lab.module("main")
    mill, bake = broker.actors["mill"], broker.actors["bake"]
    lab.write(tasks=BAKE.format(v=2))
    assert lab.refresh().ok
    assert broker.actors["mill"] is mill
    assert broker.actors["bake"] is not bake


def test_a_name_declared_twice_is_still_an_error(lab: LabOnDisk, broker: StubBroker) -> None:
    """Two declarations of one generation, or one that outside code has made, are refused as dramatiq refuses them."""

    @dramatiq.actor
    def outside() -> None: ...

    lab.write(tasks=BAKE.format(v=1))
    lab.enable()
    lab.module("tasks")
    bake = broker.actors["bake"]
    for text in (BAKE.format(v=2) * 2, BAKE.format(v=2) + BAKE.replace("bake", "outside").format(v=2)):
        lab.write(tasks=text)
        report = lab.refresh()
        assert not report.ok
        assert "already registered" in str(report.error)
        assert broker.actors == {"outside": outside, "bake": bake}
    lab.write(tasks=BAKE.format(v=3), other=BAKE.format(v=3), main="from . import tasks, other")
    assert lab.refresh().ok
    with pytest.raises(ValueError, match="already registered"):
        lab.module("main")
    assert broker.actors["bake"](1) == 3


def test_an_actor_that_moves_to_another_module(lab: LabOnDisk, broker: StubBroker) -> None:
    """Moved in one edit, it is the new module's; the order in which the two are executed does not matter."""
    lab.write(a=BAKE.format(v=1), b="", main="from . import a, b")
    lab.enable()
    lab.module("main")
    lab.write(a="", b=BAKE.format(v=2))
    assert lab.refresh().ok
    assert broker.actors["bake"] is lab.module("b").bake
    lab.write(a=BAKE.format(v=3), b="")
    assert lab.refresh().ok
    assert broker.actors["bake"] is lab.module("a").bake


def test_no_other_thread_sees_a_staged_actor(lab: LabOnDisk, broker: StubBroker) -> None:
    """While an edit is being executed, every other thread finds the current actors and no new one."""
    text = BAKE + "OWN = dramatiq.get_broker().get_actor('bake') is bake\n"
    lab.write(tasks=text.format(v=1))
    lab.enable()
    old = lab.module("tasks").bake
    lab.write(
        tasks=text.format(v=2) + BAKE.replace("bake", "mill").format(v=2)
        + "import tests.importing.meeting as meeting\nmeeting.pause()\n",
    )  # fmt: skip
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(lab.refresh)
        try:
            assert meeting.reached.wait(WAIT)
            assert broker.get_actor("bake") is old
            assert broker.actors["bake"] is old
            assert "mill" not in broker.actors
            assert list(broker.actors) == ["bake"]
            assert broker.get_declared_actors() == {"bake"}
        finally:
            meeting.go.set()
        assert refreshing.result(WAIT).ok
    assert lab.module("tasks").OWN
    assert sorted(broker.actors) == ["bake", "mill"]
    assert broker.actors["bake"] is lab.module("tasks").bake


def test_a_broker_that_a_lab_module_makes(lab: LabOnDisk, broker: StubBroker) -> None:
    """A broker of the lab's own, given by name: the same rules, and the global one is left alone."""
    text = "import dramatiq\nfrom .config import broker\n@dramatiq.actor(broker=broker)\ndef bake(): return {v}\n"
    lab.write(
        config="from dramatiq.brokers.stub import StubBroker\nbroker = StubBroker(middleware=[])",
        tasks=text.format(v=1),
    )
    lab.enable()
    lab.module("tasks")
    own = lab.module("config").broker
    before = own.actors["bake"]
    lab.write(tasks=text.format(v=2) + "1/0")
    assert not lab.refresh().ok
    assert own.actors["bake"] is before
    lab.write(tasks=text.format(v=2))
    assert lab.refresh().ok
    assert own.actors["bake"]() == 2
    assert lab.module("config").broker is own
    assert broker.actors == {}


def test_a_worker_runs_the_current_actor(lab: LabOnDisk, broker: StubBroker) -> None:
    """A message taken after the edit is run by the edited code; one that is running ends on its own."""
    text = (
        "import dramatiq\nimport tests.importing.meeting as meeting\n"
        "@dramatiq.actor(queue_name='ovens')\ndef bake(place, wait):\n    from .late import V\n"
        "    if wait: meeting.pause()\n    from . import late\n    lists[place].append(({v}, V, late.V))\n"
        "lists = [[], []]\n"
    )
    lab.write(tasks=text.format(v=1), late="V = 1")
    lab.enable()
    old_bake, old_lists = lab.module("tasks").bake, lab.module("tasks").lists
    meeting.reached, meeting.go = threading.Event(), threading.Event()
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=20)
    worker.start()
    try:
        old_bake.send(0, True)
        assert meeting.reached.wait(WAIT)
        lab.write(tasks=text.format(v=2), late="V = 2")
        assert lab.refresh().ok
        new = lab.module("tasks")
        old_bake.send(1, False)
        new.bake.send(1, False)
        meeting.go.set()
        broker.join("ovens", timeout=int(WAIT * 1000))
        worker.join()
    finally:
        meeting.go.set()
        worker.stop(timeout=int(WAIT * 1000))
    assert old_lists == [[(1, 1, 1)], []]
    assert new.lists == [[], [(2, 2, 2), (2, 2, 2)]]


def test_reverting_brings_the_old_actors_back(lab: LabOnDisk, broker: StubBroker) -> None:
    """A generation that is made current again has its very actors, and those that only the later one had go."""
    lab.write(tasks=BAKE.format(v=1))
    enabled = lab.enable()
    old = lab.module("tasks").bake
    generation = enabled.current
    lab.write(tasks=BAKE.format(v=2) + BAKE.replace("bake", "mill").format(v=2))
    assert lab.refresh().ok
    enabled.revert(generation)
    assert broker.actors == {"bake": old}
    assert broker.actors["bake"] is old


def test_actors_keep_no_generation_alive(lab: LabOnDisk, broker: StubBroker) -> None:
    """Once nobody holds an actor of an old generation, that generation goes, whatever the broker has been told."""
    lab.write(tasks=BAKE.format(v=1), pump="V = 1", main="from . import tasks, pump")
    enabled = lab.enable()
    lab.module("main")
    for v in range(2, 6):
        lab.write(tasks=BAKE.format(v=v))
        assert lab.refresh().ok
    held = lab.module("tasks").bake
    number = hotlab.current(lab.name).number
    lab.write(tasks=BAKE.format(v=6))
    assert lab.refresh().ok
    gc.collect()
    assert [each.number for each in enabled.generations_alive()] == [number, number + 1]
    assert (held(1), broker.actors["bake"](1)) == (5, 6)
    del held
    gc.collect()
    assert [each.number for each in enabled.generations_alive()] == [number + 1]


def work_of_a_reload(lab: LabOnDisk, number: int, v: int) -> int:
    """How many calls of Python functions a reload makes whose edit declares as many actors again, one a module."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    lab.write(base=f"V = {v}")
    sys.setprofile(count)
    try:
        report = lab.refresh()
    finally:
        sys.setprofile(None)
    assert report.ok
    assert len(report.reloaded) >= number
    return calls


def test_declaring_actors_takes_work_in_line_with_their_number(lab: LabOnDisk, broker: StubBroker) -> None:
    """Four times the actors make about four times the calls, and a later reload no more than an earlier one."""
    few, many = 10, 40
    text = "from . import base\n" + BAKE
    lab.write(base="V = 0", **{f"m{n}": text.replace("bake", f"bake{n}").format(v=1) for n in range(many)})
    lab.enable()
    for n in range(few):
        lab.module(f"m{n}")
    work_of_a_reload(lab, few, 1)
    work_few = work_of_a_reload(lab, few, 2)
    for n in range(few, many):
        lab.module(f"m{n}")
    work_of_a_reload(lab, many, 3)
    work_many = work_of_a_reload(lab, many, 4)
    assert work_many < 1.4 * (many / few) * work_few
    for v in (5, 6, 7):
        assert work_of_a_reload(lab, many, v) < 1.1 * work_many
    assert len(broker.actors) == many
