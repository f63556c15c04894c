"""`hotlab status`: what a running lab is doing, read from its store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from hotlab.cli import exits
from hotlab.cli.labs import choose_lab, config_option, json_option, open_store
from hotlab.cli.output import Output, clock, duration
from hotlab.cli.reports import DIGEST_LENGTH, headline

if TYPE_CHECKING:
    from hotlab.runtime.store import DeviceRecord, RunRecord, Store, TaskRecord


@click.command()
@click.argument("lab", required=False)
@config_option
@json_option
def status(lab: str | None, config_file: Path | None, as_json: bool) -> int:
    """Show what the running LAB is doing: generation, devices, tasks, the last refresh.

    Exit codes: 0 shown, 2 no lab is running.

    \b
    Example:
      hotlab status
      hotlab status ./my_lab --json
    """
    chosen = choose_lab(lab, config_file)
    with open_store(chosen) as (store, run):
        state = _State.read(store, run)
        address = store.url
    output = Output(as_json=as_json)
    if as_json:
        output.data({**state.to_json(), "store": address})
    else:
        _show(output, state, address)
    return exits.DONE


@attrs.frozen(kw_only=True)
class _State:
    """A running lab as its store tells it."""

    run: RunRecord
    devices: list[DeviceRecord]
    tasks_by_state: dict[str, int]
    at_work: list[TaskRecord]
    last_refresh: dict[str, Any] | None

    @classmethod
    def read(cls, store: Store, run: RunRecord) -> _State:
        from hotlab.runtime.store import states

        refreshes = store.refreshes.all(newest=1)
        return cls(
            run=run,
            devices=store.devices.all(),
            tasks_by_state=store.tasks.count_by_state(),
            at_work=store.tasks.all(in_states=states.CLAIMED_STATES, with_subtasks=True),
            last_refresh=refreshes[0].report if refreshes else None,
        )

    def to_json(self) -> dict[str, Any]:
        run = self.run
        return {
            "lab": run.lab,
            "pid": run.pid,
            "host": run.host,
            "started": run.started,
            "heartbeat": run.heartbeat,
            "generation": run.generation_number,
            "digest": run.generation_digest,
            "device_generation": run.device_generation,
            "generations_alive": run.generations_alive,
            "devices": [attrs.asdict(device) for device in self.devices],
            "tasks": self.tasks_by_state,
            "at_work": [
                {
                    "id": task.id,
                    "kind": task.kind,
                    "state": task.state,
                    "state_since": task.state_since,
                    "parent": task.parent_id,
                    "generation": task.generation_number,
                    "digest": task.generation_digest,
                }
                for task in self.at_work
            ],
            "last_refresh": self.last_refresh,
            "notes": run.other_notes,
        }


def _show(output: Output, state: _State, address: str) -> None:
    run = state.run
    digest = (run.generation_digest or "")[:DIGEST_LENGTH]
    output.line(f"lab {run.lab}: process {run.pid} on {run.host}, since {clock(run.started)}", "bold")
    output.line(f"store: {address}")
    output.line(f"generation: {run.generation_number} ({digest})")
    if run.device_generation != run.generation_number:
        output.line(f"devices are of generation {run.device_generation}", "yellow")
    if state.last_refresh is not None:
        output.line(f"last refresh: {headline(state.last_refresh)}")
        if state.last_refresh.get("error"):
            output.line(f"  {str(state.last_refresh['error']).splitlines()[0]}", "red")
    if run.generations_alive:
        output.line(f"generations alive: {_alive(run.generations_alive)}")
    for name, note in run.other_notes.items():
        output.line(f"{name.replace('_', ' ')}: {note}")
    output.line()
    output.table(
        ("device", "state", "held by", "paused by", "class"),
        [
            (
                device.name,
                f"{device.state}: {device.fault}" if device.fault else device.state,
                device.held_by,
                ", ".join(device.paused_by),
                device.class_name.rpartition(".")[2],
            )
            for device in state.devices
        ],
    )
    counts = ", ".join(f"{number} {name}" for name, number in state.tasks_by_state.items())
    output.line()
    output.line(f"tasks: {counts or 'none yet'}")
    if state.at_work:
        now = time.time()
        output.table(
            ("task", "kind", "state", "for", "generation"),
            [
                (
                    f"  {task.id}" if task.parent_id else task.id,
                    task.kind,
                    task.state,
                    duration(max(now - task.state_since, 0.0)),
                    f"{task.generation_number} ({(task.generation_digest or '')[:DIGEST_LENGTH]})",
                )
                for task in state.at_work
            ],
        )


def _alive(generations: list[dict[str, Any]]) -> str:
    """How many there are, and which: `2: 0 (3fa9c1d2, devices), 1 (77b01e5a, current)`."""
    told = []
    for generation in generations:
        marks = [mark for mark in ("current", "devices") if generation[mark]]
        told.append(f"{generation['number']} ({', '.join([generation['digest'][:DIGEST_LENGTH], *marks])})")
    return f"{len(told)}: {', '.join(told)}"
