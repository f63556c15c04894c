"""The resource manager: all or nothing, by priority, released whatever happens, and what a refresh lets through."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from hotlab.runtime.ending import Ending
from hotlab.runtime.errors import ResourceRequestError, ResourceTimeout, TaskCancelled
from hotlab.runtime.resource_manager import ResourceManager, read_wants
from hotlab.runtime.store import Store, states
from hotlab.runtime.store.holding import hold

from .conftest import Running, define_bench, running_task, until

FURNACE = {"by": "class", "key": "lab.Furnace"}


@pytest.fixture
def manager(store: Store) -> Iterator[ResourceManager]:
    """A resource manager at work on a bench of two furnaces, an arm and a rack."""
    define_bench(store)
    made = ResourceManager(store, run_id="run")
    made.start()
    yield made
    made.stop()


class Furnace:
    """Asked for by class; known by its qualified name only."""


Furnace.__module__, Furnace.__qualname__ = "lab", "Furnace"


class Heater:
    """A base class of the furnaces."""


Heater.__module__, Heater.__qualname__ = "lab", "Heater"


class Asking:
    """A task on a thread of its own that holds what it asked for until it is let go."""

    def __init__(
        self,
        manager: ResourceManager,
        store: Store,
        wants: Mapping[Any, Any],
        *,
        task: Any = None,
        priority: int = 0,
        timeout: float | None = None,
    ) -> None:
        self.task = task or running_task(store)
        self.ending = Ending("/nowhere/")
        self.granted = threading.Event()
        self.let_go = threading.Event()
        self.lines: list[dict[str, Any]] = []

        def run() -> None:
            record = manager.request(
                self.task, read_wants(wants), priority=priority, timeout=timeout, ending=self.ending
            )
            self.lines = record.granted or []
            self.granted.set()
            self.let_go.wait(30)
            manager.release(record.id)

        self.call = Running(run)

    def devices(self) -> list[str]:
        return [line["device"] for line in self.lines]

    def end(self) -> None:
        self.let_go.set()
        self.call.result()


def waiting(store: Store, number: int) -> None:
    until(lambda: len(store.resources.all()) == number)


def test_by_class_by_base_class_by_name_and_standalone(manager: ResourceManager, store: Store) -> None:
    """A request is met by a class's qualified name, by that of a base class, by a device's name, or by no device."""
    asking = Asking(
        manager,
        store,
        {Furnace: {"inside": 2}, Heater: {"inside": 1}, "arm": {}, None: {"rack": 2}},
    )
    assert asking.granted.wait(10)
    assert sorted(asking.devices()[:2]) == ["furnace_1", "furnace_2"]
    assert asking.devices()[2:] == ["arm", None]
    assert asking.lines[0]["positions"] == {"inside": ["furnace_1/inside/1", "furnace_1/inside/2"]}
    assert asking.lines[3]["positions"] == {"rack": ["rack/1", "rack/2"]}
    asking.end()
    assert store.resources.holdings() == {}


def test_a_named_device_is_left_for_who_names_it(manager: ResourceManager, store: Store) -> None:
    """A want by class takes another device than the one that the same request names."""
    asking = Asking(manager, store, {Furnace: {}, "furnace_1": {}})
    assert asking.granted.wait(10)
    assert asking.devices() == ["furnace_2", "furnace_1"]
    asking.end()


def test_nothing_is_held_while_a_part_is_missing(manager: ResourceManager, store: Store) -> None:
    """A request that can't be met whole holds nothing, and does not keep others waiting."""
    arm = Asking(manager, store, {"arm": {}})
    assert arm.granted.wait(10)
    both = Asking(manager, store, {"arm": {}, "furnace_1": {"inside": 1}})
    waiting(store, 1)
    assert set(store.resources.holdings()) == {arm.task.id}
    other = Asking(manager, store, {"furnace_1": {}})
    assert other.granted.wait(10)
    arm.end()
    other.end()
    assert both.granted.wait(10)
    both.end()


def test_two_that_cross_never_deadlock(manager: ResourceManager, store: Store) -> None:
    """Tasks that ask for the same two devices in opposite orders all get them, one after the other."""

    def cycle(wants: dict[str, Any]) -> None:
        for _ in range(5):
            task = running_task(store)
            record = manager.request(task, read_wants(wants), priority=0, timeout=30, ending=Ending("/"))
            manager.release(record.id)

    orders: list[dict[str, Any]] = [{"arm": {}, "furnace_1": {}}, {"furnace_1": {}, "arm": {}}]
    calls = [Running(partial(cycle, wants)) for wants in orders for _ in range(3)]
    for call in calls:
        call.result(60)


def test_by_priority_then_first_come(manager: ResourceManager, store: Store) -> None:
    """What becomes free goes to the most urgent request, and among equals to the one that came first."""
    holder = Asking(manager, store, {"arm": {}})
    assert holder.granted.wait(10)
    line: list[Asking] = []
    for number, priority in enumerate((0, 0, 5), start=1):
        line.append(Asking(manager, store, {"arm": {}}, priority=priority))
        waiting(store, number)
    first, second, urgent = line
    order = []
    for _ in line:
        holder.end()
        holder = until(lambda: next((a for a in line if a.granted.is_set() and a not in order), None))
        order.append(holder)
        assert sum(a.granted.is_set() for a in line) == len(order)
    holder.end()
    assert order == [urgent, first, second]


@pytest.mark.parametrize(
    ("wants", "says"),
    [
        ({"furnace_9": {}}, "no device named 'furnace_9'"),
        ({ResourceManager: {}}, "no device of class hotlab.runtime.resource_manager"),
        ({Furnace: {"outside": 1}}, "no position 'outside'"),
        ({Furnace: {"inside": 3}}, "there are 2"),
        ({None: {"rack": 4}}, "there are 3"),
        ({Furnace: {}, Heater: {}, "furnace_1": {}}, "that many devices"),
        ({}, "takes a mapping"),
        ({Furnace: {"inside": 0}}, "by name and number"),
        ({Furnace: {"inside": True}}, "by name and number"),
        ({Furnace: 2}, "must be a mapping"),
        ({3: {}}, "not by 3"),
    ],
)
def test_what_can_never_be_met_is_refused_at_once(
    manager: ResourceManager, store: Store, wants: dict[Any, Any], says: str
) -> None:
    """A request that no waiting would help is an error that names the thing, and leaves nothing in the store."""
    task = running_task(store)
    with pytest.raises(ResourceRequestError, match=says):
        manager.request(task, read_wants(wants), priority=0, timeout=5, ending=Ending("/"))
    assert store.resources.all(waiting_only=False) == []


@pytest.mark.parametrize("keeps", ["paused", "faulted", "held"])
def test_a_timeout_is_an_error_that_leaves_nothing(manager: ResourceManager, store: Store, keeps: str) -> None:
    """A device that is paused, faulted or held is not granted; the time up, the request is gone."""
    holder = None
    if keeps == "paused":
        store.devices.pause(["arm"], states.OPERATOR)
    elif keeps == "faulted":
        store.devices.set_state("arm", states.FAULTED, fault="smoke")
    else:
        holder = Asking(manager, store, {"arm": {}})
        assert holder.granted.wait(10)
    asking = Asking(manager, store, {"arm": {}}, timeout=0.1)
    with pytest.raises(ResourceTimeout, match=r"0\.1 s: the device arm"):
        asking.call.result()
    assert store.resources.all() == []
    task = store.tasks.get(asking.task.id)
    assert task is not None
    assert task.state == states.RUNNING
    if holder is not None:
        holder.end()


def test_a_resumed_device_is_granted(manager: ResourceManager, store: Store) -> None:
    """A request that waited for a paused device gets it once its pause is taken away."""
    store.devices.pause(["arm"], states.OPERATOR)
    asking = Asking(manager, store, {"arm": {}})
    waiting(store, 1)
    store.devices.resume(["arm"], states.OPERATOR)
    assert asking.granted.wait(10)
    asking.end()


def test_the_task_says_that_it_waits(manager: ResourceManager, store: Store) -> None:
    """A task is REQUESTING_RESOURCES while it waits, and RUNNING before and after."""
    holder = Asking(manager, store, {"arm": {}})
    assert holder.granted.wait(10)
    asking = Asking(manager, store, {"arm": {}})
    waiting(store, 1)
    assert store.tasks.get(asking.task.id).state == states.REQUESTING_RESOURCES  # type: ignore[union-attr]
    holder.end()
    assert asking.granted.wait(10)
    assert store.tasks.get(asking.task.id).state == states.RUNNING  # type: ignore[union-attr]
    asking.end()


def test_a_subtask_is_lent_what_its_caller_holds(manager: ResourceManager, store: Store) -> None:
    """A subtask that asks for the caller's furnace gets that one, and giving it back leaves the caller's hold."""
    caller = Asking(manager, store, {"furnace_2": {"inside": 2}})
    assert caller.granted.wait(10)
    subtask = store.tasks.add_subtask(caller.task, "Sub", {})
    inner = Asking(manager, store, {Furnace: {"inside": 1}, "arm": {}}, task=subtask, timeout=5)
    assert inner.granted.wait(10)
    assert inner.devices() == ["furnace_2", "arm"]
    assert inner.lines[0]["positions"]["inside"][0].startswith("furnace_2/inside/")
    inner.end()
    assert store.devices.holder("arm") is None
    assert store.devices.holder("furnace_2") == caller.task.id
    assert len(store.resources.holdings()[caller.task.id]) == 3
    caller.end()


def test_a_second_request_of_one_task_gets_another_device(manager: ResourceManager, store: Store) -> None:
    """A task that asks again by class while it holds one means a second one."""
    outer = Asking(manager, store, {Furnace: {}})
    assert outer.granted.wait(10)
    inner = Asking(manager, store, {Furnace: {}}, task=outer.task)
    assert inner.granted.wait(10)
    assert (outer.devices(), inner.devices()) == (["furnace_1"], ["furnace_2"])
    inner.end()
    outer.end()


def test_while_stopped_only_holders_are_granted(manager: ResourceManager, store: Store) -> None:
    """In steps 2-4 a task that holds something still gets what is free, its refresh-paused devices too; others wait."""
    holder = Asking(manager, store, {"furnace_1": {}})
    assert holder.granted.wait(10)
    refresh: Any = SimpleNamespace(id="7")
    manager.stop_allocating(refresh)
    store.devices.pause(["arm", "furnace_1"], "refresh:7")
    newcomer = Asking(manager, store, {"furnace_2": {}})
    waiting(store, 1)
    more = Asking(manager, store, {"arm": {}}, task=holder.task)
    assert more.granted.wait(10)
    assert not newcomer.granted.is_set()
    more.end()
    holder.end()
    assert len(store.resources.all()) == 1
    store.devices.resume(None, "refresh:7")
    manager.resume_allocating(refresh)
    assert newcomer.granted.wait(10)
    newcomer.end()


def test_an_operators_pause_holds_for_holders_too(manager: ResourceManager, store: Store) -> None:
    """What an operator has paused is given to nobody, whatever a refresh lets through."""
    holder = Asking(manager, store, {"furnace_1": {}})
    assert holder.granted.wait(10)
    store.devices.pause(["arm"], states.OPERATOR)
    refresh: Any = SimpleNamespace(id="7")
    manager.stop_allocating(refresh)
    more = Asking(manager, store, {"arm": {}}, task=holder.task, timeout=0.2)
    with pytest.raises(ResourceTimeout):
        more.call.result()
    manager.resume_allocating(refresh)
    holder.end()


def test_once_drained_a_paused_device_is_given_to_nobody(manager: ResourceManager, store: Store) -> None:
    """From step 5 on the devices of the refresh are not given even to a task that holds something else."""
    holder = Asking(manager, store, {"furnace_1": {}})
    assert holder.granted.wait(10)
    refresh: Any = SimpleNamespace(id="7")
    manager.stop_allocating(refresh)
    store.devices.pause(["arm"], "refresh:7")
    manager.disconnect(refresh)
    more = Asking(manager, store, {"arm": {}}, task=holder.task)
    waiting(store, 1)
    manager.allocate()
    assert [request.task_id for request in store.resources.all()] == [holder.task.id]
    store.devices.resume(None, "refresh:7")
    manager.resume_allocating(refresh)
    assert more.granted.wait(10)
    more.end()
    holder.end()


def test_another_refreshs_resume_does_not_start_allocating(manager: ResourceManager, store: Store) -> None:
    """A resume undoes its own refresh's stop only, and doing it twice is harmless."""
    mine: Any = SimpleNamespace(id="mine")
    other: Any = SimpleNamespace(id="other")
    manager.stop_allocating(mine)
    manager.resume_allocating(other)
    assert manager.stopped
    manager.resume_allocating(mine)
    manager.resume_allocating(mine)
    assert not manager.stopped


def test_a_waiting_request_whose_device_goes_is_refused(manager: ResourceManager, store: Store) -> None:
    """A request for a device that the lab no longer has ends with the reason instead of waiting for ever."""
    store.devices.pause(["arm"], states.OPERATOR)
    asking = Asking(manager, store, {"arm": {}})
    waiting(store, 1)
    store.devices.remove("arm")
    with pytest.raises(ResourceRequestError, match="no device named 'arm'"):
        asking.call.result()


def test_cancelling_ends_the_wait(manager: ResourceManager, store: Store) -> None:
    """A task told to end while it waits is told at once, and its request is gone."""
    store.devices.pause(["arm"], states.OPERATOR)
    asking = Asking(manager, store, {"arm": {}})
    waiting(store, 1)
    asking.ending.request()
    with pytest.raises(TaskCancelled):
        asking.call.result(5)
    assert store.resources.all() == []


def test_ending_a_task_frees_what_it_holds(manager: ResourceManager, store: Store) -> None:
    """A task that ends without giving back holds nothing afterwards, and who waits is served."""
    holder = Asking(manager, store, {"arm": {}})
    assert holder.granted.wait(10)
    next_one = Asking(manager, store, {"arm": {}})
    waiting(store, 1)
    store.tasks.finish(holder.task.id, states.ERROR, error="lost")
    assert next_one.granted.wait(10)
    holder.end()
    assert store.devices.holder("arm") == next_one.task.id
    next_one.end()


def test_the_devices_a_task_used_are_known_afterwards(manager: ResourceManager, store: Store) -> None:
    """What a task and its subtasks were given can be read when they have ended."""
    asking = Asking(manager, store, {"arm": {}, None: {"rack": 1}})
    assert asking.granted.wait(10)
    subtask = store.tasks.add_subtask(asking.task, "Sub", {})
    inner = Asking(manager, store, {Furnace: {}}, task=subtask)
    assert inner.granted.wait(10)
    inner.end()
    asking.end()
    assert store.resources.devices_used(asking.task.id) == ("arm", "furnace_1")


def test_what_somebody_holds_is_not_taken(store: Store) -> None:
    """Taking is a compare-and-set: of two names one of which is held, none is taken."""
    define_bench(store)
    with store._database.write() as connection:
        assert hold(connection, "one", device_names=["arm"], position_names=[], now=1.0)
        assert not hold(connection, "two", device_names=["arm"], position_names=[], now=2.0)
    assert store.devices.holder("arm") == "one"


def test_a_task_that_was_given_up_gets_nothing(manager: ResourceManager, store: Store) -> None:
    """A thread that outlives its task can't take devices any more."""
    task = running_task(store)
    store.tasks.finish(task.id, states.ERROR, error="interrupted")
    with pytest.raises(ResourceRequestError, match="ended meanwhile"):
        manager.request(task, read_wants({"arm": {}}), priority=0, timeout=5, ending=Ending("/"))
    assert store.resources.all(waiting_only=False) == []
