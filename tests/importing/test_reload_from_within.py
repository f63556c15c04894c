"""Refreshes that are asked for by code which a reload executes: a clear error, whichever way round; never a hang."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hotlab
from hotlab.importing import turns
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0


def bounded(act: Any) -> Any:
    """What a call returns; an error where it does not come to its end in time. The thread may hang, the test not."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(act()), daemon=True)
    thread.start()
    thread.join(WAIT)
    assert not thread.is_alive(), "it hangs"
    return found[0]


@pytest.fixture
def other(lab: LabOnDisk, tmp_path: Path) -> Iterator[LabOnDisk]:
    """A second lab beside the first."""
    made = LabOnDisk(tmp_path, f"{lab.name}_other")
    made.write(init="", pump="V = 1")
    yield made
    made.forget()


def test_a_module_that_refreshes_another_lab(lab: LabOnDisk, other: LabOnDisk) -> None:
    """Its edit is refused with what it did, and both labs can be refreshed afterwards."""
    lab.write(oven="V = 1")
    lab.enable(), other.enable()
    lab.module("oven"), other.module("pump")
    other.write(pump="V = 2")
    lab.write(oven=f"import hotlab\nV = 2\nhotlab.refresh({other.name!r})\n")
    report = bounded(lab.refresh)
    assert report.outcome == "refused"
    assert f"lab {other.name} was asked to reload by code that is being imported (by {lab.name}.oven)" in report.error
    assert (lab.module("oven").V, other.module("pump").V) == (1, 1)
    lab.write(oven="V = 3")
    assert bounded(lab.refresh).ok
    assert bounded(other.refresh).ok
    assert (lab.module("oven").V, other.module("pump").V) == (3, 2)


def test_a_module_that_joins_a_thread_which_refreshes(lab: LabOnDisk) -> None:
    """The thread, on which no lab code runs, gets the error, so that the join and the reload come to their ends."""
    lab.write(oven="V = 1")
    lab.enable()
    lab.module("oven")
    lab.write(
        oven="import hotlab, threading\nV = 2\nSAID = []\n"
        "def say(found): SAID.append(found.exc_type.__name__)\n"
        "before, threading.excepthook = threading.excepthook, say\n"
        f"thread = threading.Thread(target=hotlab.refresh, args=({lab.name!r},), daemon=True)\n"
        "thread.start()\nthread.join()\nthreading.excepthook = before\n"
    )
    assert bounded(lab.refresh).ok
    assert lab.module("oven").V == 2
    assert [hotlab.importing.ReloadInProgress.__name__] == lab.module("oven").SAID
    assert bounded(lab.refresh).changed == ()


FORKING = """\
import os, sys, pathlib
sys.path.insert(0, sys.argv[1])
import hotlab
hotlab.enable("forked")
import forked.oven
file = pathlib.Path(sys.argv[1], "forked", "oven.py")
file.write_text("import os\\nV = 2\\nchild = os.fork()\\nif child: status = os.waitpid(child, 0)[1]\\n")
report = hotlab.refresh("forked")
if not forked.oven.child:
    file.write_text("V = 3")
    os._exit(7 if report.ok and hotlab.refresh("forked").ok and forked.oven.V == 3 else 8)
print(report.ok, forked.oven.V, os.waitstatus_to_exitcode(forked.oven.status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_module_that_forks_while_it_is_staged(tmp_path: Path) -> None:
    """In the child, too, the refresh comes to its end, and there can be another."""
    folder = tmp_path / "forked"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "oven.py").write_text("V = 1")
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)])}
    program = [sys.executable, "-W", "ignore", "-c", FORKING, str(tmp_path)]
    done = subprocess.run(program, env=environ, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "2", "7"]


def put_answer(answers: queue.Queue[str], lab: str) -> None:
    """Code of no lab that refreshes one, and says what came of it."""
    try:
        answers.put(hotlab.refresh(lab).outcome)
    except hotlab.ReloadInProgress as error:
        answers.put(str(error))


@pytest.mark.parametrize(
    ("waits", "outcome"),
    [
        ("with ThreadPoolExecutor(1) as pool: pool.submit(hotlab.refresh, {lab!r}).result()", "refused"),
        (
            "threading.Thread(target=put_answer, args=(answers, {lab!r})).start()\nSAID = answers.get(timeout=20)",
            "done",
        ),
        (
            "threading.Thread(target=put_answer, args=(answers, {lab!r})).start()\nnever = threading.Event()\n"
            "while answers.empty(): never.wait(0.05)\nSAID = answers.get()",
            "done",
        ),
    ],
    ids=["future", "queue", "polling"],
)
def test_a_module_that_waits_for_a_refresh_of_another_thread(
    lab: LabOnDisk, waits: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it waits, the other thread's refresh is an error before long: neither is stuck."""
    monkeypatch.setattr(turns, "PATIENCE", 0.3)
    lab.write(oven="V = 1")
    lab.enable()
    lab.module("oven")
    lab.write(
        oven="import queue, threading, hotlab\nfrom concurrent.futures import ThreadPoolExecutor\n"
        f"from {__name__} import put_answer\nanswers = queue.Queue()\nV = 2\n{waits.format(lab=lab.name)}",
    )
    report = bounded(lab.refresh)
    assert report.outcome == outcome
    said = report.error if outcome == "refused" else lab.module("oven").SAID
    assert "has waited for 0.3 s for others: a module that is being imported must not wait for a refresh" in said
    lab.write(oven="V = 3")
    assert bounded(lab.refresh).ok
    assert lab.module("oven").V == 3
