"""The group of commands, each in a module of its own that is loaded when it is called.

Turns what goes wrong into exit codes: a :class:`HotlabError` is the line or lines of its message on
standard error and exit code 2, never a traceback.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from hotlab.cli import exits
from hotlab.importing.errors import HotlabError

COMMANDS: Final = {
    "run": "Run a lab until Ctrl-C.",
    "refresh": "Take the edits of a running lab now.",
    "status": "Show what a running lab is doing.",
    "submit": "Submit a task to a running lab.",
    "cancel": "Cancel a task.",
    "config": "Show every setting, and where it comes from.",
    "plugins": "List the plugins that are installed.",
    "demo": "See a lab take in edits while it runs.",
}
"""Each command with its line in `hotlab --help`, so that help does not have to load them."""


class _CommandGroup(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"hotlab.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="hotlab", prog_name="hotlab", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> int | None:
    """Hot reload for automated laboratories: edit devices and tasks while the lab runs.

    Where a command takes LAB, it is the import name of a lab, or the path of its folder; left out,
    it is the lab whose configuration file is in this folder or above.

    \b
    Example:
      hotlab run ./my_lab
      hotlab status ./my_lab          (in a second terminal)
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return exits.MISUSE
    return None


def run_group(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code. Writes what is wrong to standard error."""
    try:
        outcome = cli.main(
            list(arguments) if arguments is not None else None,
            prog_name="hotlab",
            standalone_mode=False,
        )
        return outcome if isinstance(outcome, int) else exits.DONE
    except click.UsageError as error:
        return _complain(_usage_line(error))
    except click.ClickException as error:
        return _complain(error.format_message())
    except HotlabError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        return exits.INTERRUPTED
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}")
    except Exception as error:
        if not _is_database_error(error):
            raise
        return _complain(f"the lab's store can't be used: {str(error).splitlines()[0]}", exits.FAILED)


def _usage_line(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "hotlab"
    text = " ".join(error.format_message().split()).rstrip(".")
    return f"{text}; see {command} --help"


def _complain(text: str, code: int = exits.MISUSE) -> int:
    for line in text.splitlines() or [text]:
        print(f"hotlab: {line}", file=sys.stderr)
    return code


def _is_database_error(error: Exception) -> bool:
    # Asked without importing SQLAlchemy: what never loaded it can't have raised it.
    database = sys.modules.get("sqlalchemy.exc")
    return database is not None and isinstance(error, database.SQLAlchemyError)
