"""How a lab that stops ends its tasks: they are asked, given a moment, and then given up by name."""

from __future__ import annotations

import logging
from typing import Final

from hotlab.runtime.store import Store, states
from hotlab.runtime.task_manager import TaskManager

_log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5.0
"""How long tasks that were asked to end may take."""


def end_tasks(store: Store, tasks: TaskManager, grace: float) -> tuple[str, ...]:
    """Ask every task that runs in this process to end, wait, and mark those that did not as interrupted.

    Launching must have ended. A task given up is an ERROR and holds nothing any more, so none of its device calls is
    carried out; its thread goes on until it ends by itself or with the process.

    Returns:
        Ids of the tasks given up.
    """
    asked = tasks.running_here()
    for task_id in asked:
        tasks.tell_to_end(task_id, "the lab was stopped while it ran")
    tasks.wait_idle(grace)
    given_up: list[str] = []
    for task_id in tasks.running_here():
        task = store.tasks.get(task_id)
        if task is None or task.state in states.FINAL_STATES:
            continue
        marked = store.tasks.finish(
            task_id,
            states.ERROR,
            error=f"interrupted at {task.state}: the lab was stopped and it did not end within {grace:g} s",
            error_type="Interrupted",
        )
        if marked:
            _log.warning("task %s (%s) did not end in time: interrupted", task_id, task.kind)
            given_up.append(task_id)
    return tuple(given_up)
