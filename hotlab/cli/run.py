"""`hotlab run`: a lab, in this process, until Ctrl-C or SIGTERM.

Signal handlers only note what came; the main thread acts on it, so that nothing of the lab is
called from within a handler.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import attrs
import click

from hotlab.cli import exits
from hotlab.cli.labs import choose_lab, config_option
from hotlab.cli.output import Output, clock
from hotlab.cli.reports import DIGEST_LENGTH, show_outcome, show_start, show_step

if TYPE_CHECKING:
    from hotlab.refreshing import Participant, Refresh, RefreshReport, StepReport
    from hotlab.runtime.running_lab import RunningLab

GRACE_SECONDS = 5.0
"""How long tasks may take to end once they were asked to."""


@click.command()
@click.argument("lab", required=False)
@config_option
def run(lab: str | None, config_file: Path | None) -> int:
    """Run LAB until Ctrl-C, and show each refresh as it happens.

    With `auto_refresh: true` in the lab's configuration an edit is taken as soon as it is saved;
    without it, `hotlab refresh` takes it. Ctrl-C stops launching tasks, asks those at work to end,
    marks what has not ended after 5 s as interrupted, and disconnects the devices. Exit codes: 130
    after Ctrl-C, 143 after SIGTERM, 2 the lab can't be found, imported or configured.

    \b
    Example:
      hotlab run fake_lab
      hotlab run ./my_lab --config bench.yaml
    """
    from hotlab.runtime.running_lab import RunningLab

    chosen = choose_lab(lab, config_file)
    config = chosen.loaded.config
    output = Output()
    signals = _Signals()
    running = RunningLab(chosen.location, config)
    with _logging_to_stderr(), signals.caught():
        try:
            running.start()
            signals.starting = False
            running.refresher.register(_observer(output), name="hotlab-run-output")
            _greet(output, running, chosen.location.folder, watched=config.general.auto_refresh)
            signals.wait()
        except BaseException:
            if signals.exit_code is None:
                raise
        finally:
            signals.starting = False
            if signals.exit_code is not None:
                output.line("stopping: tasks are asked to end, devices are disconnected", "bold")
            running.stop(GRACE_SECONDS)
        output.line("stopped")
    return _leave(signals.exit_code or exits.DONE)


class _Signals:
    """SIGINT and SIGTERM, noted by the handler and acted on by the main thread.

    While the lab starts, a signal raises KeyboardInterrupt, since a driver may hang in `connect`.
    Afterwards the first one ends :meth:`wait`; the third ends the process, whatever hangs.
    """

    def __init__(self) -> None:
        self.starting = True
        self.exit_code: int | None = None
        self._count = 0
        # The one queue of the standard library whose put may interrupt its own get.
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait(self) -> None:
        """Return when a signal has come."""
        self._arrived.get()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the two signals within the block; main thread only."""
        before = {number: signal.signal(number, self._on_signal) for number in _EXIT_CODES}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self.exit_code is None:
            self.exit_code = _EXIT_CODES[signal.Signals(number)]
        self._arrived.put(number)
        if self.starting:
            raise KeyboardInterrupt
        if self._count == 2:
            # Not print: the main thread may be inside it at this very moment.
            os.write(2, b"the lab is stopping; once more to leave without disconnecting devices\n")
        elif self._count > 2:
            os._exit(self.exit_code)


_EXIT_CODES = {signal.SIGINT: exits.INTERRUPTED, signal.SIGTERM: exits.TERMINATED}


def _observer(output: Output) -> Participant:
    """A participant that shows each refresh step by step as it happens."""
    from hotlab.refreshing import Participant

    class Shown(Participant):
        def refresh_started(self, refresh: Refresh) -> None:
            show_start(output, refresh.trigger, refresh.changed)

        def step_finished(self, refresh: Refresh, step: StepReport) -> None:
            show_step(output, attrs.asdict(step))

        def refresh_finished(self, report: RefreshReport) -> None:
            if report.changed or report.steps or not report.ok or report.trigger != "watcher":
                show_outcome(output, report.to_json())  # a file that was touched is no news

    return Shown()


def _greet(output: Output, running: RunningLab, folder: Path, *, watched: bool) -> None:
    for line in running.found:
        output.line(f"found: {line}", "yellow")
    generation = running.lab.current
    output.line(
        f"{clock(time.time())} lab {running.lab.name} runs, process {os.getpid()}, "
        f"generation {generation.number} ({generation.digest[:DIGEST_LENGTH]})",
        "bold",
    )
    if watched:
        output.line(f"edits in {folder} are taken as they are saved; Ctrl-C stops the lab")
    else:
        output.line("auto_refresh is off: hotlab refresh takes edits; Ctrl-C stops the lab")


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Show the warnings of hotlab, and of what it uses, with their time."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _leave(code: int) -> int:
    """Return the exit code, or end the process here where a task that won't end would hold it."""
    held = [t for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
    if held:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
