"""Commands that need no running lab, and what they say when there is none."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hotlab.cli.group import COMMANDS, cli
from hotlab.cli.submit import _parameters
from hotlab.runtime.store import Store
from tests.cli.conftest import HOTLAB, Call, Lab, environment, hotlab


def one_line(text: str) -> str:
    """The only line of a text, without hotlab's name before it."""
    (line,) = text.splitlines()
    assert line.startswith("hotlab: ")
    return line.removeprefix("hotlab: ")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_each_command_explains_itself_with_an_example(name: str) -> None:
    """Every command is where the group looks for it, and its help shows how it is called."""
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    help_text = command.get_help(click.Context(command, info_name=name))
    assert "Example" in help_text
    assert f"hotlab {name}" in help_text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["statsu"], "No such command 'statsu'"),
        (["status", "--wrong"], "No such option"),
        (["submit"], "Missing argument 'KIND'"),
        (["submit", "Bake", "temperature"], "is not KEY=VALUE"),
        (["submit", "Bake", "--params", "[1]"], "must be a JSON object"),
        (["submit", "Bake", "--priority", "high"], "not a valid integer"),
        (["refresh", "--timeout", "-1"], "Invalid value for '--timeout'"),
        (["run", "no_such_lab"], "no lab is named 'no_such_lab'"),
        (["status", "./absent"], "./absent does not exist"),
        (["config", "--config", "absent.yaml"], "has no package in it"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(call: Call, tmp_path: Path, arguments: list[str], says: str) -> None:
    """What can't be done is told in one line on standard error."""
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in one_line(done.stderr)


@pytest.mark.parametrize("arguments", [["status"], ["refresh"], ["submit", "Bake"], ["cancel", "x"]])
def test_without_a_running_lab_nothing_is_done(call: Call, lab: Lab, arguments: list[str]) -> None:
    """Where no lab runs, one line says so and how to start it, and no store is made."""
    done = call(*arguments, cwd=lab.folder)
    assert done.returncode == 2
    assert one_line(done.stderr) == (f"no lab is running: start small_lab with hotlab run {lab.folder}")
    assert not (lab.folder / ".hotlab").exists()


def test_config_shows_each_value_with_its_origin(call: Call, lab: Lab) -> None:
    """The effective values, and for each whether it is a default, from a file or a variable."""
    lab.write("hotlab.yaml", "database:\n  url: postgresql+psycopg://ada:s3cret@host/x\n")
    done = call("config", lab.folder, environ={"HOTLAB_REFRESH_DRAIN_TIMEOUT": "5"})
    assert done.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["refresh.drain_timeout"] == ["5", "HOTLAB_REFRESH_DRAIN_TIMEOUT"]
    assert rows["general.name"] == ["small_lab", "default"]
    assert rows["database.url"] == [
        "postgresql+psycopg://ada:***@host/x",
        f"{lab.folder}/hotlab.yaml:2",
    ]
    assert "s3cret" not in done.stdout


def test_config_as_json(call: Call, lab: Lab) -> None:
    """The same for scripts, with values of their own types."""
    shown = json.loads(call("config", lab.folder, "--json").stdout)
    assert shown["file"] == f"{lab.folder}/hotlab.yaml"
    assert shown["settings"]["general.auto_refresh"] == {
        "value": False,
        "from": f"{lab.folder}/hotlab.yaml:2",
    }
    assert shown["ignored"] == []


def test_config_tells_what_it_ignores(call: Call, lab: Lab) -> None:
    """An AlabOS section is accepted, and shown as ignored."""
    (lab.folder / "hotlab.yaml").unlink()
    lab.write("hotlab.toml", "[general]\nauto_refresh = true\n[mongodb]\nhost = 'x'\n")
    done = call("config", lab.folder)
    assert done.returncode == 0
    assert f"ignored: {lab.folder}/hotlab.toml: mongodb: AlabOS's own section" in done.stdout


def test_a_bad_config_is_a_line_for_each_fault(call: Call, lab: Lab) -> None:
    """All faults at once, exit code 2, and nothing half-done."""
    lab.write("hotlab.yaml", "general:\n  nam: x\nrefresh:\n  drain_timeout: -1\n")
    done = call("run", lab.folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"hotlab: {lab.folder}/hotlab.yaml:2: general.nam: unknown key; did you mean name?",
        f"hotlab: {lab.folder}/hotlab.yaml:4: refresh.drain_timeout: must be a positive number of seconds, not -1.0",
    ]
    assert not (lab.folder / ".hotlab").exists()


def test_a_lab_that_does_not_import_is_one_line(lab: Lab) -> None:
    """The line names the file and line at fault."""
    lab.write("tasks.py", "import time\nthis is not python\n")
    done = hotlab("run", lab.folder)
    assert done.returncode == 2
    assert "tasks.py" in one_line(done.stderr)
    assert "2" in one_line(done.stderr)
    assert "Traceback" not in done.stderr


def test_a_working_folder_that_can_not_be_made_is_one_line(lab: Lab) -> None:
    """A path that is impossible on this machine is bad input, not a crash."""
    lab.write("hotlab.yaml", "general:\n  working_dir: __init__.py/inside\n")
    done = hotlab("run", lab.folder)
    assert done.returncode == 2
    assert f"{lab.folder}/__init__.py/inside" in one_line(done.stderr)


def test_a_store_that_is_none_is_one_line(call: Call, lab: Lab) -> None:
    """A file that is no database is named, with exit code 2."""
    (lab.folder / ".hotlab").mkdir()
    lab.write(".hotlab/hotlab.db", "not a database, but long enough to be looked at" * 50)
    done = call("status", lab.folder)
    assert done.returncode == 2
    assert f"{lab.folder}/.hotlab/hotlab.db" in one_line(done.stderr)


def test_a_lab_that_stopped_breathing_is_not_running(call: Call, lab: Lab) -> None:
    """A run that ended without saying so is not taken for alive because its process id is in use."""
    file = lab.folder / ".hotlab" / "hotlab.db"
    with Store(f"sqlite:///{file}") as store:
        store.runs.begin("small_lab")  # with the id of this very process, which lives
    assert call("status", lab.folder).returncode == 0
    with contextlib.closing(sqlite3.connect(file)) as rows, rows:
        rows.execute("update runs set heartbeat = heartbeat - 3600")
    assert "no lab is running" in one_line(call("status", lab.folder).stderr)


def test_parameters_are_json_and_else_text() -> None:
    """VALUE is JSON where it can be, text where not; NaN is not JSON."""
    pairs = ["a=1", "b=true", 'c={"x": [null]}', "d=first", 'e="1"', "f=NaN", "g=", "h=a=b"]
    assert _parameters(pairs, '{"i": 2}') == {
        "a": 1,
        "b": True,
        "c": {"x": [None]},
        "d": "first",
        "e": "1",
        "f": "NaN",
        "g": "",
        "h": "a=b",
        "i": 2,
    }
    for wrong in (["a=1", "a=2"], ["=1"], ["a b=1"]):
        with pytest.raises(click.UsageError):
            _parameters(wrong, None)
    for text in ("{", "3", '{"a": NaN}', "[" * 100_000):
        with pytest.raises(click.UsageError):
            _parameters([], text)


def test_plugins_lists_what_works_and_what_does_not(tmp_path: Path) -> None:
    """Each plugin with distribution, version and hooks; one that fails is told, with exit code 1."""
    (tmp_path / "lamp.py").write_text("import hotlab\n@hotlab.hookimpl\ndef hotlab_refresh_finished(report): ...\n")
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    info = tmp_path / "lamp_dist-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp-dist\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[hotlab]\nlamp = lamp\nbroken = broken\n")
    path = ":".join([str(tmp_path), *(entry for entry in sys.path if entry)])
    done = hotlab("plugins", "--json", environ={"PYTHONPATH": path})
    assert done.returncode == 1
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert {
        "name": "lamp",
        "distribution": "lamp-dist",
        "version": "1.2",
        "hooks": ["hotlab_refresh_finished"],
    } in found["loaded"]
    (failed,) = found["failed"]
    assert failed["name"] == "broken"
    assert "nothing_of_this_name" in failed["error"]
    plain = hotlab("plugins", environ={"PYTHONPATH": path})
    assert "hotlab_refresh_finished" in plain.stdout
    assert "FAILED broken of lamp-dist 1.2: ModuleNotFoundError" in plain.stdout


def test_a_reader_that_leaves_is_no_traceback(lab: Lab) -> None:
    """`hotlab config | head -0` ends quietly."""
    process = subprocess.Popen(
        [*HOTLAB, "config", str(lab.folder)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(30) == 1
