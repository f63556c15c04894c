"""`hotlab plugins`: what is installed that takes part in refreshes."""

from __future__ import annotations

import attrs
import click

from hotlab.cli import exits
from hotlab.cli.labs import json_option
from hotlab.cli.output import Output


@click.command()
@json_option
def plugins(as_json: bool) -> int:
    """List the installed plugins, each with its distribution, version and hooks.

    One that can't be loaded is listed with the reason, and the exit code is 1.

    \b
    Example:
      pip install hotlab-notify && hotlab plugins
    """
    import logging

    from hotlab.refreshing import load_plugins

    logging.getLogger("hotlab").addHandler(logging.NullHandler())  # failures are told below
    found = load_plugins()
    output = Output(as_json=as_json)
    if found.loaded:
        output.table(
            ("plugin", "distribution", "version", "hooks"),
            [(p.name, p.distribution, p.version, ", ".join(p.hooks)) for p in found.loaded],
        )
    elif not found.failed:
        output.line("no plugins are installed")
    for failure in found.failed:
        output.line(
            f"FAILED {failure.name} of {failure.distribution} {failure.version}: {failure.error}",
            "red",
        )
    output.data(
        {
            "loaded": [attrs.asdict(p) for p in found.loaded],
            "failed": [attrs.asdict(p) for p in found.failed],
        }
    )
    return exits.FAILED if found.failed else exits.DONE
