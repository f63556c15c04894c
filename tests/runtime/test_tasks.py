"""Tasks: taken in or refused whole, run once on one generation, ended with what their code raised, cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hotlab.runtime.errors import UnknownTask
from hotlab.runtime.parameters import ParameterError
from hotlab.runtime.store import states

from .conftest import ADD, Bench, LabFolder, until

MakeBench = Callable[..., Bench]


def test_a_task_runs_and_its_result_is_kept(make_bench: MakeBench) -> None:
    """A task is launched, ends COMPLETED with its result, and records the generation it ran on."""
    bench = make_bench(ADD)
    task = bench.ended(bench.submit("Add", one=1.5))
    assert (task.state, task.result) == (states.COMPLETED, {"sum": 3.5})
    assert (task.generation_number, task.generation_digest) == (
        bench.lab.current.number,
        bench.lab.current.digest,
    )
    assert task.created <= task.started <= task.finished
    assert task.run_id == "run"


@pytest.mark.parametrize(
    ("kind", "parameters", "error", "says"),
    [
        ("Sub", {}, UnknownTask, "has no task 'Sub'; it has: Add, Picky"),
        ("Add", {}, ParameterError, "one is missing"),
        ("Add", {"one": "x"}, ParameterError, "one"),
        ("Add", {"one": 1, "tow": 2}, ParameterError, "did you mean two"),
        ("Add", {"one": {1}}, ParameterError, "only JSON"),
        ("Picky", {"size": -1}, ParameterError, "size must be positive"),
    ],
)
def test_a_task_that_does_not_fit_leaves_nothing_in_the_store(
    make_bench: MakeBench, kind: str, parameters: dict[str, Any], error: type[Exception], says: str
) -> None:
    """An unknown kind or wrong parameters are refused before anything is written."""
    bench = make_bench(
        ADD
        + """
@add_task
class Picky(BaseTask):
    size: int

    def __init__(self, *, size: int, **kwargs):
        super().__init__(**kwargs)
        if size < 0:
            raise ValueError("size must be positive")

    def run(self):
        pass
"""
    )
    with pytest.raises(error, match=says):
        bench.tasks.submit(kind, parameters)
    assert bench.store.tasks.all() == []


@pytest.mark.parametrize(
    ("statement", "error_type", "says"),
    [
        ("raise ValueError('too hot')", "ValueError", "too hot"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise Broken('x')", "Broken", "x"),
        ("return {1, 2}", "NotJson", "the result of Fail is a set"),
        ("return float('nan')", "NotJson", "nan"),
        ("deep(0)", "RecursionError", "recursion"),
        ("raise ValueError('\\ud800 \\0')", "ValueError", "\\ud800 \\0"),
        ("raise Mute('x')", "Mute", "Mute.__str__ raised"),
    ],
)
def test_what_a_task_raises_ends_that_task_alone(
    make_bench: MakeBench, statement: str, error_type: str, says: str
) -> None:
    """Whatever is raised ends up in the store, with the lab's own frames; the thread goes on to the next task."""
    bench = make_bench(
        ADD
        + f"""
class Broken(Exception):
    pass

class Mute(Exception):
    def __str__(self):
        raise KeyError("no words")

def deep(n):
    return deep(n + 1)

@add_task
class Fail(BaseTask):
    def run(self):
        {statement}
""",
        threads=1,
    )
    failed = bench.ended(bench.submit("Fail"))
    assert (failed.state, failed.error_type) == (states.ERROR, error_type)
    assert says in failed.error
    if statement.startswith("raise"):
        assert f'File "{bench.lab.root}' in failed.traceback
        assert "hotlab/runtime" not in failed.traceback
    assert bench.ended(bench.submit("Add", one=1)).state == states.COMPLETED


def test_a_task_keeps_its_generation_to_the_end(make_bench: MakeBench, lab_folder: LabFolder) -> None:
    """A task that runs while an edit is taken ends on the code it started with; the next one has the new code."""
    source = """
    version = "old"
    go = threading.Event()

    @add_task
    class Slow(BaseTask):
        def run(self):
            go.wait(30)
            from . import __init__ as again
            return [version, type(self).__module__]
    """
    bench = make_bench(source)
    running = bench.submit("Slow")
    bench.in_state(running, states.RUNNING)
    go = bench.lab.current.modules[lab_folder.name].go
    text = (lab_folder.root / "__init__.py").read_text()
    lab_folder.write(text.replace('"old"', '"new"').replace("go.wait(30)", "pass"))
    bench.lab.commit(bench.lab.stage(bench.lab.plan()))
    later = bench.ended(bench.submit("Slow"))
    go.set()
    old = bench.ended(running)
    assert (old.result[0], later.result[0]) == ("old", "new")
    assert old.generation_digest != later.generation_digest
    assert later.generation_number == bench.lab.current.number


def test_a_kind_that_is_gone_ends_in_a_clear_error(make_bench: MakeBench, lab_folder: LabFolder) -> None:
    """A queued task whose kind was taken out before its turn is an ERROR that says so."""
    bench = make_bench(ADD)
    refresh: Any = SimpleNamespace(id="1", wake=lambda: None)
    bench.tasks.stop_launching(refresh)
    queued = bench.submit("Add", one=1)
    text = (lab_folder.root / "__init__.py").read_text()
    lab_folder.write(text.replace("class Add", "class Sum"))
    bench.lab.commit(bench.lab.stage(bench.lab.plan()))
    bench.tasks.resume_launching(refresh)
    task = bench.ended(queued)
    assert task.state == states.ERROR
    assert "no longer has a task 'Add'" in task.error


def test_while_launching_is_stopped_no_task_starts(make_bench: MakeBench) -> None:
    """Between stop and resume tasks stay READY; afterwards each runs once."""
    bench = make_bench(ADD)
    refresh: Any = SimpleNamespace(id="1", wake=lambda: None)
    bench.tasks.stop_launching(refresh)
    tasks = [bench.submit("Add", one=n) for n in range(10)]
    bench.tasks.message_done("nudge")
    assert bench.store.tasks.count_by_state() == {states.READY: 10}
    bench.tasks.resume_launching(refresh)
    assert [bench.ended(task).result["sum"] for task in tasks] == [n + 2 for n in range(10)]


def test_a_message_that_comes_while_stopped_is_dropped_and_sent_again(
    make_bench: MakeBench,
) -> None:
    """An actor whose message was in the broker when launching stopped leaves its task READY."""
    bench = make_bench(
        ADD
        + """
go = threading.Event()

@add_task
class Wait(BaseTask):
    def run(self):
        go.wait(30)
""",
        threads=2,
    )
    busy = [bench.submit("Wait") for _ in range(2)]
    for task in busy:
        bench.in_state(task, states.RUNNING)
    queued = bench.submit("Add", one=1)
    with bench.tasks._gate:
        bench.tasks._sent.add(queued)
    bench.tasks._send(queued)  # as if sent a moment before the stop
    refresh: Any = SimpleNamespace(id="1", wake=lambda: None)
    bench.tasks.stop_launching(refresh)
    bench.lab.current.modules[bench.lab.name].go.set()
    for task in busy:
        bench.ended(task)
    until(lambda: not bench.tasks._sent)
    dropped = bench.store.tasks.get(queued)
    assert dropped is not None
    assert dropped.state == states.READY
    bench.tasks.resume_launching(refresh)
    assert bench.ended(queued).state == states.COMPLETED


def test_a_message_that_comes_twice_runs_once(make_bench: MakeBench) -> None:
    """A task is claimed once, however many messages name it."""
    bench = make_bench(
        """
runs = []

@add_task
class Once(BaseTask):
    def run(self):
        runs.append(1)
"""
    )
    task = bench.submit("Once")
    for _ in range(20):
        bench.tasks._send(task)
    bench.ended(task)
    last = bench.ended(bench.submit("Once"))
    assert last.state == states.COMPLETED
    assert len(bench.lab.current.modules[bench.lab.name].runs) == 2


def test_blockers_are_what_runs_or_holds(make_bench: MakeBench) -> None:
    """A drain waits for tasks that run or hold something; not for one that waits for its first resources."""
    bench = make_bench(
        """
go = threading.Event()

@add_task
class Hold(BaseTask):
    name: str
    more: str = ""

    def run(self):
        with self.lab_view.request_resources({self.name: {}}):
            if self.more:
                with self.lab_view.request_resources({self.more: {}}):
                    go.wait(30)
            go.wait(30)

@add_task
class Caller(BaseTask):
    def run(self):
        self.run_subtask(Hold, name="arm")
"""
    )
    refresh: Any = SimpleNamespace(id="1")
    arm = bench.submit("Hold", name="arm")
    until(lambda: bench.store.devices.holder("arm") == arm)
    asks_more = bench.submit("Hold", name="furnace_1", more="arm")
    bench.in_state(asks_more, states.REQUESTING_RESOURCES)
    until(lambda: bench.store.devices.holder("furnace_1") == asks_more)
    first = bench.submit("Hold", name="arm")
    caller = bench.submit("Caller")
    bench.in_state(first, states.REQUESTING_RESOURCES)
    bench.in_state(caller, states.REQUESTING_RESOURCES)
    blockers = {b.what: b.holds for b in bench.tasks.blockers(refresh)}
    assert blockers == {arm: ("arm",), asks_more: ("furnace_1",)}
    bench.lab.current.modules[bench.lab.name].go.set()
    for task in (arm, asks_more, first, caller):
        assert bench.ended(task).state == states.COMPLETED
    assert bench.tasks.blockers(refresh) == []


def test_a_drain_is_woken_when_a_task_ends(make_bench: MakeBench) -> None:
    """The refresh under way is told at once that it may look again."""
    bench = make_bench(ADD)
    woken = threading.Event()
    refresh: Any = SimpleNamespace(id="1", wake=woken.set)
    bench.tasks.stop_launching(refresh)
    woken.clear()
    bench.store.tasks.add("Add", {"one": 1})
    assert woken.wait(5)
    bench.tasks.resume_launching(refresh)


def test_a_subtask_runs_inside_its_caller(make_bench: MakeBench) -> None:
    """A subtask is a row of its own, on its caller's thread, generation and resources; its result comes back."""
    bench = make_bench(
        """
@add_task
class Inner(BaseTask):
    n: int

    def run(self):
        with self.lab_view.request_resources({"arm": {}}) as (devices, _):
            return [self.n, devices["arm"].move(self.n, fast=True), threading.get_ident()]

@add_task
class Outer(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"arm": {}}):
            first = self.run_subtask(Inner, n=1)
            return [first[:2], self.lab_view.run_subtask("Inner", n=2)[0],
                    first[2] == threading.get_ident()]
""",
        threads=1,
    )
    outer = bench.ended(bench.submit("Outer"))
    assert outer.result == [[1, ["arm", "move", [1], {"fast": True}]], 2, True]
    inner = [t for t in bench.store.tasks.all(with_subtasks=True) if t.parent_id == outer.id]
    assert [(t.kind, t.state, t.parameters) for t in inner] == [
        ("Inner", states.COMPLETED, {"n": 1}),
        ("Inner", states.COMPLETED, {"n": 2}),
    ]
    assert {t.generation_digest for t in inner} == {outer.generation_digest}
    assert [call[4] for call in bench.devices.calls] == [outer.id, outer.id]
    assert bench.store.resources.holdings() == {}


def test_a_subtasks_error_is_its_callers_to_catch(make_bench: MakeBench) -> None:
    """What a subtask raises is written down for it, and raised in the caller as it is."""
    bench = make_bench(
        """
class Spilled(Exception):
    pass

@add_task
class Inner(BaseTask):
    def run(self):
        with self.lab_view.request_resources({"arm": {}}):
            raise Spilled("oops")

@add_task
class Outer(BaseTask):
    def run(self):
        try:
            self.run_subtask(Inner)
        except Spilled as error:
            return str(error)
"""
    )
    outer = bench.ended(bench.submit("Outer"))
    assert (outer.state, outer.result) == (states.COMPLETED, "oops")
    inner = bench.store.tasks.all(with_subtasks=True)[-1]
    assert (inner.state, inner.error_type) == (states.ERROR, "Spilled")
    assert bench.store.resources.holdings() == {}
