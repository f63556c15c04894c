"""`hotlab config`: every setting, and where it comes from."""

from __future__ import annotations

from pathlib import Path

import click

from hotlab.cli import exits
from hotlab.cli.labs import choose_lab, config_option, json_option
from hotlab.cli.output import Output


@click.command()
@click.argument("lab", required=False)
@config_option
@json_option
def config(lab: str | None, config_file: Path | None, as_json: bool) -> int:
    """Show the effective settings of LAB and where each comes from; passwords are hidden.

    \b
    Example:
      hotlab config fake_lab
      HOTLAB_REFRESH_DRAIN_TIMEOUT=5 hotlab config fake_lab --json
    """
    from hotlab.runtime.configuration_shown import settings

    chosen = choose_lab(lab, config_file)
    loaded = chosen.loaded
    shown = settings(loaded)
    output = Output(as_json=as_json)
    file = str(loaded.file) if loaded.file is not None else None
    output.line(f"file: {file or 'none'}")
    output.table(
        ("setting", "value", "from"),
        [(item.key, item.text, item.origin) for item in shown],
    )
    for line in loaded.ignored:
        output.line(f"ignored: {line}")
    output.data(
        {
            "file": file,
            "settings": {item.key: {"value": item.value, "from": str(item.origin)} for item in shown},
            "ignored": list(loaded.ignored),
        }
    )
    return exits.DONE
