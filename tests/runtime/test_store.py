"""The store: tasks move by compare-and-set, files are private, changes are told, restarts put things right."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy

from hotlab.runtime.store import Store, StoreError, sqlite_url, states, tables
from hotlab.runtime.store.matching import Want
from hotlab.runtime.store.resources import Rules

from .conftest import Running, define_bench, running_task, until


def test_the_file_belongs_to_its_owner_alone(store: Store, store_file: Path) -> None:
    """Nobody but the owner may read or write the store, its journal included."""
    store.tasks.add("Heat", {})
    for file in store_file.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_file_others_could_read_is_made_private(store_file: Path) -> None:
    """A store that was readable for others is not any more once it is opened."""
    store_file.parent.mkdir()
    store_file.touch(mode=0o644)
    with Store(sqlite_url(store_file)):
        assert stat.S_IMODE(store_file.stat().st_mode) == 0o600


def test_it_is_in_wal_mode_with_foreign_keys(store: Store, store_file: Path) -> None:
    """Readers don't wait for the writer, and no row points to nothing."""
    with store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_writing_transaction_begins_immediately(store: Store, store_file: Path) -> None:
    """While one process writes, another can't even begin to write."""
    other = sqlite3.connect(store_file, timeout=0, isolation_level=None)
    with store._database.write() as connection:
        connection.exec_driver_sql("SELECT 1")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    """A writing block that raises has changed nothing."""
    run = store.runs.begin("lab")

    def fail_half_way() -> None:
        with store._database.write() as connection:
            connection.execute(tables.runs.delete())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    latest = store.runs.latest()
    assert latest is not None
    assert latest.id == run


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "names no database"),
        ("sqlite://", "name a file"),
        ("nosuch://user:secret@host/x", "names no database"),
    ],
)
def test_a_bad_url_is_one_clear_error(url: str, says: str) -> None:
    """A URL that can't be used is refused with what to write, and without its password."""
    with pytest.raises(StoreError, match=says) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is named, and left as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        Store(sqlite_url(file))
    assert file.read_text() == "not a database" * 100


def test_tables_of_another_version_are_refused(store: Store, store_file: Path) -> None:
    """A store that a newer hotlab made is not touched."""
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE hotlab_schema SET version = 99")
    with pytest.raises(StoreError, match="another version"):
        Store(sqlite_url(store_file))


def test_one_of_many_claims_a_task(store: Store, store_file: Path) -> None:
    """Of threads in two stores that claim one task at once, exactly one gets it."""

    def claim(which: Store, task_id: str, barrier: threading.Barrier) -> bool:
        barrier.wait(10)
        return which.tasks.claim(task_id, run_id="r", number=1, digest="d", started=0.0) is not None

    with Store(sqlite_url(store_file)) as other:
        for _ in range(5):
            task_id = store.tasks.add("Heat", {})
            barrier = threading.Barrier(16)
            calls = [Running(partial(claim, which, task_id, barrier)) for which in (store, other) for _ in range(8)]
            assert sum(call.result() for call in calls) == 1


def test_128_threads_write_without_one_failing(store: Store) -> None:
    """Under many writers every transaction succeeds."""
    calls = [Running(lambda: [store.tasks.add("Heat", {"n": n}) for n in range(3)]) for _ in range(128)]
    for call in calls:
        call.result(60)
    assert store.tasks.count_by_state() == {states.READY: 384}


def test_a_task_waits_for_those_it_follows(store: Store) -> None:
    """A task is READY once all that it follows are completed."""
    first, second = store.tasks.add("A", {}), store.tasks.add("A", {})
    last = store.tasks.add("B", {}, after=[first, second])
    assert _state(store, last) == states.WAITING
    store.tasks.finish(first, states.COMPLETED)
    assert _state(store, last) == states.WAITING
    store.tasks.finish(second, states.COMPLETED)
    assert _state(store, last) == states.READY


def test_a_task_whose_forerunner_failed_is_cancelled_with_all_behind_it(store: Store) -> None:
    """What follows a task that was not completed is never started, and says why."""
    first = store.tasks.add("A", {})
    second = store.tasks.add("B", {}, after=[first])
    third = store.tasks.add("C", {}, after=[second])
    store.tasks.finish(first, states.ERROR, error="broke")
    record = store.tasks.get(third)
    assert record is not None
    assert record.state == states.CANCELLED
    assert second in (record.error or "")


def test_a_task_can_follow_only_tasks_that_exist(store: Store) -> None:
    """An unknown forerunner is an error, and no task is added."""
    with pytest.raises(KeyError):
        store.tasks.add("A", {}, after=["nope"])
    assert store.tasks.all() == []


def test_ready_tasks_come_by_priority_then_first_come(store: Store) -> None:
    """The most urgent task is launched first; equals in the order in which they came."""
    low, high, low2 = (store.tasks.add("A", {}, priority=p) for p in (0, 5, 0))
    assert store.tasks.ready(limit=10) == [high, low, low2]
    assert store.tasks.ready(limit=1, without=[high]) == [low]


def test_a_final_state_is_final(store: Store) -> None:
    """A task that has ended can't be ended again, nor cancelled."""
    task = running_task(store)
    assert store.tasks.finish(task.id, states.ERROR, error="first")
    assert not store.tasks.finish(task.id, states.COMPLETED)
    assert store.tasks.request_cancel(task.id) == "over"
    record = store.tasks.get(task.id)
    assert record is not None
    assert (record.state, record.error) == (states.ERROR, "first")


def test_cancelling_before_the_start_is_at_once(store: Store) -> None:
    """A task nobody has claimed is CANCELLED, and can't be claimed any more."""
    task_id = store.tasks.add("A", {})
    assert store.tasks.request_cancel(task_id) == "cancelled"
    assert store.tasks.claim(task_id, run_id="r", number=1, digest="d", started=0.0) is None
    assert store.tasks.request_cancel("unknown") is None


def test_what_an_earlier_run_left_claimed_is_interrupted(store: Store) -> None:
    """Tasks caught in a later state end as ERROR naming it, and hold nothing; unclaimed ones are kept."""
    define_bench(store)
    running = running_task(store, run_id="old")
    store.resources.ask(running.id, running.id, [Want("name", "arm", {})], priority=0, run_id="old")
    store.resources.grant_waiting(Rules())
    ready = store.tasks.add("A", {})
    assert [task.id for task in store.tasks.interrupt(except_run="new")] == [running.id]
    record = store.tasks.get(running.id)
    assert record is not None
    assert (record.state, record.error) == (states.ERROR, "interrupted at RUNNING")
    assert store.resources.holdings() == {}
    assert _state(store, ready) == states.READY
    assert store.tasks.interrupt(except_run="new") == []


def test_a_change_in_this_process_wakes_at_once(store: Store) -> None:
    """A waiter of the process that made the change does not wait for the poll."""
    seen = store.changes.count()
    waiting = Running(lambda: store.changes.wait(seen, 10))
    store.tasks.add("A", {})
    assert waiting.result() != seen


def test_a_change_of_another_process_wakes_within_the_poll(store: Store, store_file: Path) -> None:
    """What another process commits is told here soon after."""
    told = threading.Event()
    store.changes.subscribe(lambda topics: told.set() if "*" in topics else None)
    code = "import sys; from hotlab.runtime.store import Store\nStore(sys.argv[1]).tasks.add('A', {})"
    subprocess.run([sys.executable, "-c", code, sqlite_url(store_file)], check=True, timeout=60)
    assert told.wait(5)
    assert len(store.tasks.all()) == 1


def test_no_change_is_missed_between_looking_and_waiting(store: Store, store_file: Path) -> None:
    """A change that comes after the count was taken ends the wait, also when made by another store."""
    with Store(sqlite_url(store_file)) as other:
        for _ in range(10):
            seen = store.changes.count()
            other.tasks.add("A", {})
            began = time.monotonic()
            store.changes.wait(seen, 5)
            assert time.monotonic() - began < 4


def test_a_subscriber_that_fails_does_not_stop_the_writer(store: Store) -> None:
    """A broken subscriber is logged; the others are told."""
    told: list[frozenset[str]] = []

    def fail(topics: frozenset[str]) -> None:
        raise ZeroDivisionError

    store.changes.subscribe(fail)
    undo = store.changes.subscribe(told.append)
    store.tasks.add("A", {})
    assert len(told) == 1
    assert "tasks" in told[0]
    undo()
    store.tasks.add("A", {})
    assert len(told) == 1


def test_closing_ends_waits(store_file: Path) -> None:
    """A thread that waits for a change is let go when the store is closed."""
    store = Store(sqlite_url(store_file))
    waiting = Running(lambda: store.changes.wait(store.changes.count(), 60))
    until(lambda: store.changes._poller)
    store.close()
    waiting.result(5)


def test_a_command_gets_its_outcome(store: Store, store_file: Path) -> None:
    """A command sent through one store is claimed once in another, and its outcome comes back."""
    with Store(sqlite_url(store_file)) as other:
        command = other.send_command("refresh", {"a": 1}, "me", 10)
        waiting = Running(lambda: other.wait_command(command, 10))
        claimed = store.commands.claim_next("run")
        assert claimed is not None
        assert (claimed.id, claimed.kind, claimed.arguments) == (command, "refresh", {"a": 1})
        assert store.commands.claim_next("run") is None
        store.commands.finish(command, {"ok": True, "answer": 42})
        assert waiting.result() == {"ok": True, "answer": 42}


def test_a_command_past_its_deadline_is_not_begun(store: Store) -> None:
    """A command nobody took in time is never carried out late."""
    command = store.send_command("refresh", {}, "me", -1)
    assert store.commands.claim_next("run") is None
    outcome = store.wait_command(command, 1)
    assert outcome is not None
    assert not outcome["ok"]


def test_a_command_lost_with_its_run_is_answered(store: Store) -> None:
    """A command that a dead run had begun ends with an error, and is not begun again."""
    command = store.send_command("refresh", {}, "me", 10)
    store.commands.claim_next("old")
    assert store.commands.abandon(except_run="new") == [command]
    outcome = store.wait_command(command, 1)
    assert outcome is not None
    assert not outcome["ok"]
    assert store.commands.claim_next("new") is None


def test_each_owner_releases_only_its_own_pause(store: Store) -> None:
    """What an operator has paused stays paused when a refresh lets go."""
    define_bench(store)
    store.devices.pause(["arm"], states.OPERATOR, "broken gripper")
    store.devices.pause(["arm", "furnace_1"], "refresh:1")
    assert sorted(store.devices.resume(None, "refresh:1")) == ["arm", "furnace_1"]
    assert {d.name: d.paused_by for d in store.devices.all()} == {
        "arm": (states.OPERATOR,),
        "furnace_1": (),
        "furnace_2": (),
    }


def test_clearing_refresh_pauses_leaves_the_operators(store: Store) -> None:
    """Pauses are cleared by the beginning of their owner's name, literally."""
    define_bench(store)
    store.devices.pause(["arm"], states.OPERATOR)
    store.devices.pause(["arm", "furnace_1"], "refresh:dead")
    cleared = store.devices.clear_pauses(states.REFRESH_OWNER_PREFIX)
    assert [(p.device, p.owner) for p in cleared] == [
        ("arm", "refresh:dead"),
        ("furnace_1", "refresh:dead"),
    ]
    assert [(p.device, p.owner) for p in store.devices.pauses()] == [("arm", states.OPERATOR)]


def test_defining_a_device_again_keeps_its_state_and_holder(store: Store) -> None:
    """A new definition changes what a device is, not what is going on with it."""
    define_bench(store)
    store.devices.pause(["arm"], states.OPERATOR)
    store.devices.define("arm", class_name="lab.Arm2", classes=["lab.Arm2"], generation=2)
    arm = store.devices.get("arm")
    assert arm is not None
    assert (arm.class_name, arm.state, arm.paused_by) == (
        "lab.Arm2",
        states.CONNECTED,
        (states.OPERATOR,),
    )


def test_removing_a_device_takes_its_positions(store: Store) -> None:
    """A device that goes takes its sample positions with it."""
    define_bench(store)
    assert store.devices.remove("furnace_1")
    assert store.devices.remove("furnace_1")
    assert {p.device for p in store.devices.positions()} == {None, "furnace_2"}


def test_a_run_that_did_not_end_is_found(store: Store) -> None:
    """Runs left open are ended by the next one, once."""
    old = store.runs.begin("lab")
    new = store.runs.begin("lab")
    assert [run.id for run in store.runs.end_others(new)] == [old]
    assert store.runs.end_others(new) == []
    latest = store.runs.latest()
    assert latest is not None
    assert (latest.id, latest.pid, latest.ended) == (new, os.getpid(), None)


def test_refreshes_are_numbered_and_kept_once(store: Store) -> None:
    """Each report is one row with a number of its own, however often it is written."""
    report = {
        "id": "r1",
        "lab": "lab",
        "started": 1.0,
        "seconds": 0.5,
        "trigger": "api",
        "outcome": "done",
        "failed_step": None,
        "error": None,
        "old_digest": "a",
        "digest": "b",
        "generation": 1,
    }
    assert store.refreshes.add(report, run_id="run") == 1
    assert store.refreshes.add(report, run_id="run") == 1
    assert store.refreshes.add({**report, "id": "r2"}, run_id="run") == 2
    first = store.refreshes.get(1)
    assert first is not None
    assert first.report == report
    assert [refresh.id for refresh in store.refreshes.all(newest=1)] == ["r2"]


def _state(store: Store, task_id: str) -> str:
    record = store.tasks.get(task_id)
    assert record is not None
    return record.state


def test_a_use_after_the_close_leaves_no_connection_open(store_file: Path) -> None:
    """A task that was given up may still write its end: what it opens for that is closed again."""
    store = Store(sqlite_url(store_file))
    store.close()
    assert store.devices.pauses() == []
    pool = store._database._engine.pool
    assert isinstance(pool, sqlalchemy.pool.QueuePool)
    assert pool.checkedin() == 0


def test_a_database_whose_driver_is_not_installed_says_what_to_install() -> None:
    """One line instead of an ImportError; the password stays hidden."""
    with pytest.raises(StoreError, match=r"needs the Python module pg8000: pip install hotlab\[postgres\]") as refused:
        Store("postgresql+pg8000://ada:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(refused.value)
