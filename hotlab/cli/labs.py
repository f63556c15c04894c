"""Which lab a command is about, and the store through which it talks to it.

Heavy modules are imported when they are needed, so that `hotlab --help` is quick.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from hotlab.importing.errors import HotlabError

if TYPE_CHECKING:
    from hotlab.runtime.configuration import LoadedConfig
    from hotlab.runtime.location import LabLocation
    from hotlab.runtime.store import RunRecord, Store

Command = TypeVar("Command", bound=Callable[..., Any])

CLAIM_SECONDS = 10.0
"""A running lab takes a command within this time, or there is none."""

STALE_SECONDS = 30.0
"""A running lab writes that it is alive far more often than this."""


class NoLabRunning(HotlabError):
    """The command needs a running lab and there is none on its store."""


class NotTaken(HotlabError):
    """The running lab did not do what was asked for, or did not say so in time."""


@attrs.frozen
class ChosenLab:
    """The lab that a command is about."""

    location: LabLocation
    loaded: LoadedConfig


def config_option(command: Command) -> Command:
    """The option that names a configuration file."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read this configuration file instead of the lab's own.",
    )(command)


def json_option(command: Command) -> Command:
    """The option for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Write one JSON value.")(command)


def lab_option(command: Command) -> Command:
    """The lab as an option, for commands whose arguments are something else."""
    return click.option("--lab", metavar="LAB", help="Import name or path; left out, the lab one is in.")(command)


def choose_lab(lab: str | None, config_file: Path | None) -> ChosenLab:
    """The lab that is meant, and its configuration."""
    from hotlab.runtime.configuration import load_config
    from hotlab.runtime.location import find_lab

    if lab is None and config_file is not None:
        lab = str(Path(os.path.abspath(config_file)).parent)
    location = find_lab(lab, Path.cwd())
    return ChosenLab(location, load_config(location.folder, config_file=config_file))


@contextmanager
def open_store(lab: ChosenLab) -> Iterator[tuple[Store, RunRecord]]:
    """The store of a running lab and the run that has it.

    Raises:
        NoLabRunning: there is none.
    """
    from hotlab.runtime.store import Store

    url = lab.loaded.config.database.url
    name = lab.loaded.config.general.name
    remedy = f"no lab is running: start {name} with hotlab run {lab.location.folder}"
    head = "sqlite:///"
    if url.startswith(head) and not Path(url[len(head) :].partition("?")[0]).is_file():
        raise NoLabRunning(remedy)  # asking must not make a store
    with Store(url) as store:
        run = running(store)
        if run is None:
            raise NoLabRunning(remedy)
        yield store, run


def running(store: Store) -> RunRecord | None:
    """The run that has a store at this moment."""
    run = store.runs.latest()
    if run is None or run.ended is not None:
        return None
    # By now its process id may be another process's, so that alone does not tell.
    if time.time() - run.heartbeat > STALE_SECONDS:
        return None
    return run if run.host != socket.gethostname() or _is_alive(run.pid) else None


def send(store: Store, kind: str, arguments: dict[str, Any]) -> str:
    """Leave a command that the running lab may begin within CLAIM_SECONDS; return its id."""
    return store.send_command(kind, arguments, who(), CLAIM_SECONDS)


def ask(store: Store, kind: str, arguments: dict[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
    """Have the running lab do something; return the outcome.

    Args:
        store: of the running lab.
        kind: of the command.
        arguments: JSON values.
        timeout: seconds to wait for the outcome; None: as long as the lab runs.

    Raises:
        NotTaken: the lab ended, or took too long.
    """
    command = send(store, kind, arguments)
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        rest = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
        outcome = store.wait_command(command, max(rest, 0.0))
        if outcome is not None:
            return outcome
        if running(store) is None:
            raise NotTaken(f"the lab ended before it had done the {kind}")
        if deadline is not None and time.monotonic() >= deadline:
            raise NotTaken(f"the lab took the {kind}, but was not done within {timeout:g} s")
        record = store.commands.get(command)
        if (
            record is not None
            and record.state == "PENDING"
            and time.time() > record.deadline
            and store.commands.withdraw(command)
        ):
            raise NotTaken(f"the lab did not take the {kind} within {CLAIM_SECONDS:g} s")


def who() -> str:
    """The person who asks, for the lab's records."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
