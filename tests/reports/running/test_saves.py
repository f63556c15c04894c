"""What a save comes to in a lab that runs, and what is no save (kinds K08, K09 and K16)."""

from __future__ import annotations

import compileall
import os
import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Lab, Running, Start, hotlab, json_of
from tests.cli.test_running import AUTO, submit_nap, task_rows

pytestmark = pytest.mark.slow

NEXT = re.compile(r"done, generation (\d+)")


def generations(running: Running) -> list[int]:
    """The generations that refreshes have made so far, as the first terminal shows them."""
    return [int(found.group(1)) for line in running.lines if (found := NEXT.search(line))]


def end_naps_by_a_file(lab: Lab) -> Path:
    """Let a nap last until the file that is returned is there: as long as the test needs, and no longer."""
    gate = lab.folder.parent / "wake up"
    waits = f"while not pathlib.Path({str(gate)!r}).exists():\n                time.sleep(0.01)"
    lab.edit("tasks.py", "time.sleep(self.seconds)", waits)
    lab.edit("tasks.py", "import time", "import pathlib\nimport time")
    return gate


def last_edit(lab: Lab, running: Running, number: int, *, version: int = 99) -> None:
    """One more edit; once it is live every save before it has been dealt with, and `number` is its generation."""
    text = (lab.folder / "devices.py").read_text()
    lab.edit("devices.py", text, re.sub(r"VERSION = \d+", f"VERSION = {version}", text))
    running.wait_for(f"done, generation {number} ")
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == version


def test_r25_reading_and_compiling_ends_no_task_and_an_edit_lets_it_end(lab: Lab, start: Start) -> None:
    """[R25] A task sleeps while the lab's files are read and compiled: nothing happens. Then a module is edited: the
    sleeping task ends normally on its generation, and the next one runs on the new one."""
    gate = end_naps_by_a_file(lab)
    running = start(environ=AUTO)
    task = submit_nap(lab, 0)
    for path in sorted(lab.folder.glob("*.py")):
        path.read_text()
    compileall.compile_dir(lab.folder, quiet=2, force=True)
    lab.edit("devices.py", "VERSION = 1", "VERSION = 2")
    running.wait_for("refresh (watcher), changed: small_lab.devices")
    assert task_rows(lab)[task][0] == "RUNNING"
    gate.touch()
    running.wait_for("done, generation 1 ")
    assert task_rows(lab)[task][0] == "COMPLETED"
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2
    assert generations(running) == [1]
    status = json_of("status", lab.folder)
    assert (status["generation"], status["last_refresh"]["changed"]) == (1, ["small_lab.devices"])


def test_r43_r44_one_save_is_one_refresh(lab: Lab, start: Start) -> None:
    """[R43, R44] With bytecode written and every file read in a loop, each edit is one refresh, none comes beside."""
    running = start(environ=AUTO)
    for number in (1, 2, 3):
        for _ in range(10):
            for path in lab.folder.rglob("*"):
                if path.is_file():
                    path.read_bytes()
        last_edit(lab, running, number, version=10 * number)
        assert any((lab.folder / "__pycache__").glob("devices.*.pyc"))
    assert generations(running) == [1, 2, 3]
    assert len([line for line in running.lines if "refresh (watcher), changed:" in line]) == 3


def test_r45_lock_and_swap_files_of_editors_are_no_refresh(lab: Lab, start: Start) -> None:
    """[R45] A dangling lock link and temporary files beside the edited file: no refresh of their own, no error."""
    running = start(environ=AUTO)
    lock = lab.folder / ".#devices.py"
    lock.symlink_to("user@host.1234:1700000000")
    for name in ("#devices.py#", ".devices.py.swp", "4913", "devices.py~"):
        (lab.folder / name).write_text("not python (")
    last_edit(lab, running, 1)
    lock.unlink()
    last_edit(lab, running, 2, version=98)
    assert generations(running) == [1, 2]
    said = "\n".join(running.lines)
    assert "refused" not in said
    assert "FileNotFoundError" not in said
    assert "Traceback" not in said


def test_r40_a_folder_without_init_is_watched(lab: Lab, start: Start) -> None:
    """[R40] An edit in a package that has no `__init__.py` is seen and live."""
    (lab.folder / "stations").mkdir()
    lab.write("stations/arm.py", "VERSION = 1\n")
    lab.edit(
        "tasks.py", "from .devices import VERSION, Oven", "from .devices import Oven\nfrom .stations.arm import VERSION"
    )
    running = start(environ=AUTO)
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 1
    lab.write("stations/arm.py", "VERSION = 2\n")
    running.wait_for("done, generation 1 ")
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2
    assert json_of("status", lab.folder)["last_refresh"]["changed"] == ["small_lab.stations.arm"]


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["in-pieces", "cut-then-written"])
def test_r47_a_file_that_is_written_slowly(lab: Lab, start: Start, pause: float) -> None:
    """[R47] Cut to nothing and written 300 ms later, or in ten slow pieces: the final text wins, and nothing in
    between was ever current."""
    running = start(environ=AUTO)
    path = lab.folder / "devices.py"
    text = path.read_text().replace("VERSION = 1", "VERSION = 2")
    pieces = [text] if pause else [text[n * len(text) // 10 : (n + 1) * len(text) // 10] for n in range(10)]
    with path.open("w") as file:
        for piece in pieces:
            time.sleep(pause or 0.03)  # the writer's own slowness: what the report is about
            file.write(piece)
            file.flush()
    running.wait_for("done, generation 1 ")
    assert generations(running) == [1]
    assert json_of("submit", "--lab", lab.folder, "Version", "--wait")["result"] == 2
    last_edit(lab, running, 2)
    assert lab.oven_log[0] == "connect 1"
    assert [line for line in lab.oven_log if line.startswith("connect")] == ["connect 1", "connect 2", "connect 99"]


def test_r49_a_formatter_over_300_files_is_one_refresh(lab: Lab, start: Start) -> None:
    """[R49] Many files saved in quick succession are one generation."""
    (lab.folder / "parts").mkdir()
    files: list[Path] = [lab.folder / "parts" / f"p{number}.py" for number in range(300)]
    for file in files:
        file.write_text("x=1\n")
    lab.edit("tasks.py", "import time", "import time\n" + "".join(f"from .parts import {f.stem}\n" for f in files))
    running = start(environ={**AUTO, "HOTLAB_WATCHING_SETTLE": "1.0", "HOTLAB_WATCHING_MAX_WAIT": "10"})
    formatted = lab.folder.parent / "formatted"
    formatted.mkdir()
    for file in files:
        (formatted / file.name).write_text("x = 1\n")
    for file in files:
        os.replace(formatted / file.name, file)
    running.wait_for("done, generation 1 ")
    assert len(json_of("status", lab.folder)["last_refresh"]["changed"]) == 300
    last_edit(lab, running, 2)
    assert generations(running) == [1, 2]


def test_r24_nothing_is_watched_is_never_silent(lab: Lab, start: Start, tmp_path: Path) -> None:
    """[R24] A lab that is not there, a setting that does not exist, and no watching at all: one line, at once."""
    for environ, argument in (({}, tmp_path / "nowhere"), ({"HOTLAB_WATCHING_PATHS": ""}, lab.folder)):
        done = hotlab("run", argument, environ=environ)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr
    running = start()
    assert any("auto_refresh is off: hotlab refresh takes edits" in line for line in running.lines)
