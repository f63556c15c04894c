"""Many tasks: the urgent first, as many at once as there are threads, on a broker of the lab's own."""

from __future__ import annotations

from collections.abc import Callable

from hotlab.runtime.store import states

from .conftest import ADD, Bench

MakeBench = Callable[..., Bench]


def test_urgent_tasks_are_launched_first(make_bench: MakeBench) -> None:
    """With all threads busy, the most urgent of the tasks that wait is the next to run."""
    bench = make_bench(
        """
go = threading.Event()
order = []

@add_task
class Wait(BaseTask):
    name: str

    def run(self):
        order.append(self.name)
        go.wait(30)
""",
        threads=1,
    )
    first = bench.submit("Wait", name="first")
    bench.in_state(first, states.RUNNING)
    rest = [
        bench.tasks.submit("Wait", {"name": name}, priority=priority)
        for name, priority in (("low", 0), ("high", 9), ("middle", 5))
    ]
    module = bench.lab.current.modules[bench.lab.name]
    module.go.set()
    for task in rest:
        bench.ended(task)
    assert module.order == ["first", "high", "middle", "low"]


def test_as_many_tasks_as_threads_run_at_once(make_bench: MakeBench) -> None:
    """Every thread runs a task at the same time; none is kept back by what was fetched ahead."""
    bench = make_bench(
        """
together = threading.Barrier(16)

@add_task
class Meet(BaseTask):
    def run(self):
        together.wait(20)
""",
        threads=16,
    )
    for task in [bench.submit("Meet") for _ in range(16)]:
        assert bench.ended(task).state == states.COMPLETED


def test_dramatiqs_global_broker_is_left_alone(make_bench: MakeBench) -> None:
    """A lab's worker neither makes nor replaces the broker of other dramatiq code in the process."""
    import dramatiq.broker

    before = dramatiq.broker.global_broker
    bench = make_bench(ADD)
    bench.ended(bench.submit("Add", one=1))
    assert dramatiq.broker.global_broker is before
