"""Tasks as dramatiq messages, which carry a task's id and nothing else.

The broker lives in this process and stores nothing: the truth is the store, so a message that is lost, late or
delivered twice does no harm. None of dramatiq's middleware is installed: by default it would end a task after ten
minutes, run a failed one again, and drop a message that is a day old.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import dramatiq
from dramatiq.brokers.stub import StubBroker

IDLE_SECONDS: Final = 0.5
"""How often an idle thread looks whether it is to end."""


class EmbeddedWorker:
    """Many threads of this process that run tasks.

    Args:
        lab: the lab's name, which the queue carries.
        threads: how many tasks can run at once.
        idle: how many seconds an idle thread sleeps at most before it looks whether it is to end.
    """

    def __init__(self, lab: str, *, threads: int, idle: float = IDLE_SECONDS) -> None:
        self.threads = threads
        self._run: Callable[[str], None] | None = None
        self._broker = StubBroker(middleware=[])

        def run_task(task_id: str) -> None:
            assert self._run is not None
            self._run(task_id)

        # The broker is named, so that dramatiq's global one is neither made nor replaced.
        self._actor = dramatiq.Actor(
            run_task,
            actor_name="hotlab_run_task",
            queue_name="hotlab_" + re.sub(r"[^A-Za-z0-9_-]", "_", lab),
            broker=self._broker,
            priority=0,
            options={},
        )
        self._worker = dramatiq.Worker(self._broker, worker_threads=threads, worker_timeout=int(idle * 1000))
        # By default twice the threads are fetched, and half of them wait behind others for nothing.
        self._worker.queue_prefetch = threads

    def start(self, run: Callable[[str], None]) -> None:
        """Start the threads.

        Args:
            run: runs the task of an id, on a worker thread; it must not raise.
        """
        self._run = run
        self._worker.start()

    def send(self, task_id: str) -> None:
        """Have a task run as soon as a thread is free."""
        self._actor.send(task_id)

    def stop(self, timeout: float) -> None:
        """Take no further message, and wait so many seconds for threads at most. Threads still busy are left alone."""
        self._worker.stop(timeout=max(1, int(timeout * 1000)))
