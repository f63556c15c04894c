"""A task that has ended leaves the interpreter as it was: nothing is left pending in its evaluation loop."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TRACED = """\
import sys, threading
from hotlab.runtime.ending import Ending
from hotlab.runtime.errors import TaskCancelled

def work(interrupted):
    ending = Ending(sys.argv[1])
    try:
        with ending.lab_code():
            if interrupted:
                ending._asked, ending._may_interrupt = 1, lambda thread_id: True
                ending.interrupt()
    except TaskCancelled:
        told.append(True)

told = []
thread = threading.Thread(target=work, args=(sys.argv[2] == "interrupted",))
thread.start()
thread.join()
events = []
sys.settrace(lambda frame, event, arg: events.append(event))
(lambda: None)()
sys.settrace(None)
print(events[0], "told" if told else "quiet")
"""


@pytest.mark.parametrize("how", ["ended", "interrupted"])
def test_a_debugger_works_after_a_task(how: str) -> None:
    """A traced call after a task has ended, by itself or told to, comes to its end: on Python 3.11 it never did."""
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", TRACED, os.getcwd(), how],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["call", "told" if how == "interrupted" else "quiet"]
