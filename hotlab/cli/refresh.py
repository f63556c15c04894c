"""`hotlab refresh`: the whole refresh sequence, asked of a running lab."""

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
    open_store,
)
from hotlab.cli.output import Output
from hotlab.cli.reports import show_report


@click.command()
@click.argument("lab", required=False)
@click.option("--no-wait", is_flag=True, help="Return at once; hotlab status shows the outcome.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop waiting after this time; the refresh goes on.",
)
@config_option
@json_option
def refresh(
    lab: str | None,
    no_wait: bool,
    timeout: float | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Have the running LAB take its edits now, and wait until it has.

    Exit codes: 0 the edits are current, 1 they were refused (the lab goes on as it was), 3 deferred
    (tasks are still at work on what has to change; it is tried again), 2 no lab is running.

    \b
    Example:
      hotlab refresh && hotlab submit Heating temperature=900
    """
    output = Output(as_json=as_json)
    with open_store(choose_lab(lab, config_file)) as (store, _run):
        outcome = ask(store, "refresh", {"wait": not no_wait}, timeout=timeout)
    report = outcome.get("report")
    if no_wait and outcome.get("ok"):
        output.line("the lab refreshes; hotlab status shows what comes of it")
        output.data(None)
        return exits.DONE
    if not isinstance(report, dict):
        raise NotTaken(f"the lab could not refresh: {outcome.get('error', 'it gave no report')}")
    show_report(output, report)
    output.data(report)
    return exits.OF_OUTCOME[report["outcome"]]
