"""`hotlab cancel`: end a task of a running lab."""

from __future__ import annotations

from pathlib import Path

import click

from hotlab.cli import exits
from hotlab.cli.labs import (
    NotTaken,
    ask,
    choose_lab,
    config_option,
    json_option,
    lab_option,
    open_store,
)
from hotlab.cli.output import Output


@click.command()
@click.argument("task_id", metavar="TASK")
@lab_option
@config_option
@json_option
def cancel(task_id: str, lab: str | None, config_file: Path | None, as_json: bool) -> int:
    """Cancel TASK: at once where it has not begun, else it is asked to end.

    Exit codes: 0 cancelled or asked to end, 1 it had ended already, 2 there is no such task, or no
    lab is running.

    \b
    Example:
      hotlab cancel 3f2a9c01be77
    """
    output = Output(as_json=as_json)
    with open_store(choose_lab(lab, config_file)) as (store, _run):
        outcome = ask(store, "cancel", {"task_id": task_id}, timeout=60.0)
        task = store.tasks.get(task_id)
    if not outcome.get("ok"):
        raise NotTaken(str(outcome.get("error", f"task {task_id} could not be cancelled")))
    what = str(outcome["outcome"])
    state = task.state if task is not None else ""
    text = {
        "cancelled": "is cancelled",
        "requested": "was asked to end",
        "over": f"had ended already: {state}",
    }
    output.line(f"{task_id} {text.get(what, what)}")
    output.data({"task": task_id, "outcome": what, "state": state})
    return exits.FAILED if what == "over" else exits.DONE
