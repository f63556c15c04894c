"""`hotlab submit`: a task for a running lab."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    running,
)
from hotlab.cli.output import Output

if TYPE_CHECKING:
    from hotlab.runtime.store import Store, TaskRecord

WAIT_STEP = 0.5
"""How often, while it waits for a task, it looks whether the lab still runs."""


_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)
MOST_URGENT = 2**31 - 1  # what every database takes as an integer


@click.command()
@click.argument("kind")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--params", metavar="JSON", help="Parameters as one JSON object.")
@click.option(
    "--priority",
    type=click.IntRange(-MOST_URGENT, MOST_URGENT),
    default=0,
    show_default=True,
    help="Higher goes first.",
)
@click.option("--wait", is_flag=True, help="Wait until the task has ended, and show its result.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="With --wait: stop waiting after this time; the task goes on.",
)
@lab_option
@config_option
@json_option
def submit(
    kind: str,
    parameters: tuple[str, ...],
    params: str | None,
    priority: int,
    wait: bool,
    timeout: float | None,
    lab: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Submit a task of KIND to a running lab and print its id.

    A VALUE is JSON; what is not JSON is text. Exit codes: 0 submitted (with --wait: completed), 1
    the task ended otherwise, 2 the lab refused it (unknown kind, wrong parameters, resources that it
    does not have), or none runs.

    \b
    Example:
      hotlab submit Heating sample=first temperature=900 minutes=120 --wait
      hotlab submit Mixing --params '{"recipe": {"BaCO3": 1.97}}'
    """
    values = _parameters(parameters, params)
    output = Output(as_json=as_json)
    with open_store(choose_lab(lab, config_file)) as (store, _run):
        arguments = {"kind": kind, "parameters": values, "priority": priority}
        outcome = ask(store, "submit", arguments, timeout=60.0)
        if not outcome.get("ok"):
            raise NotTaken(str(outcome.get("error", "the lab refused the task and gave no reason")))
        task_id = str(outcome["task_id"])
        if not wait:
            output.line(task_id)
            output.data({"task": task_id})
            return exits.DONE
        output.line(f"{task_id} submitted")
        try:
            task = _wait_for(store, task_id, timeout)
        except KeyboardInterrupt:
            output.line(f"{task_id} goes on; hotlab cancel {task_id} ends it")
            raise
        return _show_end(output, task)


def _parameters(pairs: Sequence[str], params: str | None) -> dict[str, Any]:
    """The parameters of a task from the command line."""
    values: dict[str, Any] = {}
    if params is not None:
        try:
            loaded = _strict_json(params)
        except ValueError as error:
            raise click.UsageError(f"--params is not JSON: {error}") from error
        if not isinstance(loaded, dict):
            raise click.UsageError('--params must be a JSON object, such as {"temperature": 900}')
        values.update(loaded)
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise click.UsageError(f"{pair!r} is not KEY=VALUE, such as temperature=900")
        if key in values:
            raise click.UsageError(f"{key} is given twice")
        try:
            values[key] = _strict_json(text)
        except ValueError:
            values[key] = text
    return values


def _strict_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _wait_for(store: Store, task_id: str, timeout: float | None) -> TaskRecord:
    from hotlab.runtime.store import states

    found: list[TaskRecord] = []

    def ended() -> bool:
        task = store.tasks.get(task_id)
        if task is not None and task.state in states.FINAL_STATES:
            found.append(task)
        return bool(found)

    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        rest = WAIT_STEP if deadline is None else min(WAIT_STEP, deadline - time.monotonic())
        store.changes.wait_until(ended, max(rest, 0.0))
        if found or ended():
            return found[0]
        if running(store) is None:
            raise NotTaken(f"the lab ended before task {task_id} did; hotlab status shows it")
        if deadline is not None and time.monotonic() >= deadline:
            raise NotTaken(f"task {task_id} has not ended within {timeout:g} s; it goes on")


def _show_end(output: Output, task: TaskRecord) -> int:
    digest = (task.generation_digest or "")[:12]
    output.line(f"{task.id} {task.state}, generation {task.generation_number} ({digest})")
    if task.error:
        output.line(f"{task.error_type or 'error'}: {task.error}", "red")
    # The lab's own fault report has a traceback; a request that it can never meet is bad input: what, where, no more.
    impossible = task.error_type == "ResourceRequestError"
    frames = _FRAME.findall(task.traceback or "")
    if impossible and frames:
        output.line(f"asked for at {frames[-1][0]}:{frames[-1][1]}", "red")
    elif task.traceback:
        output.line(task.traceback.rstrip())
    if task.state == "COMPLETED":
        output.line(json.dumps(task.result, ensure_ascii=False))
    output.data(
        {
            "task": task.id,
            "state": task.state,
            "result": task.result,
            "error": task.error,
            "error_type": task.error_type,
            "traceback": task.traceback,
            "generation": task.generation_number,
            "digest": task.generation_digest,
        }
    )
    if impossible:
        return exits.MISUSE
    return exits.DONE if task.state == "COMPLETED" else exits.FAILED
