"""`hotlab demo` as a user runs it: a process of its own, from another folder."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotlab.cli import main
from hotlab.cli.demo_judge import Evidence
from hotlab.cli.demo_story import DemoFailed
from hotlab.refreshing import STEPS

HOTLAB = [sys.executable, "-m", "hotlab.cli"]


def run_demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    temporary = folder / "temporary"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.run(
        [*HOTLAB, "demo", *options],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.slow
def test_the_demo_shows_what_it_claims(tmp_path: Path) -> None:
    """The demo ends with 0 in time, leaves nothing behind, and its evidence bears it out."""
    done = run_demo(tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    story: dict[str, Any] = json.loads(done.stdout)
    assert story["ok"]
    assert story["seconds"] < 60
    assert all(finding["holds"] for finding in story["findings"])
    tasks = {task["id"]: task for task in story["tasks"]}
    assert len(tasks) >= 24
    assert len({task["kind"] for task in tasks.values()}) >= 4
    assert len({device for task in tasks.values() for device in task["devices"]}) >= 6
    arm, heating, broken, mended = story["edits"]
    for edit in (arm, heating, mended):
        report = edit["report"]
        assert [step["name"] for step in report["steps"]] == list(STEPS)
        assert {tasks[task]["digest"] for task in edit["running"]} == {report["old_digest"]}
        assert {tasks[task]["digest"] for task in edit["later"]} == {report["digest"]}
    assert broken["report"]["outcome"] == "refused"
    assert broken["report"]["steps"] == []
    assert f"{broken['file']}:{broken['line']}" in broken["report"]["error"]
    assert broken["report"]["digest"] == heating["report"]["digest"]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_the_demo_is_plain_lines_in_a_pipe(tmp_path: Path) -> None:
    """In a pipe the demo prints plain lines: steps, the error's place, the table, the claims."""
    done = run_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b[" not in done.stdout
    for name in STEPS:
        assert done.stdout.count(" " + name.replace("_", " ") + " ") >= 3
    assert "tasks/measuring.py:" in done.stdout
    assert "== what each task ran on" in done.stdout
    assert "\nNO " not in done.stdout


@pytest.mark.slow
def test_a_demo_out_of_time_fails_and_keeps_its_folder(tmp_path: Path) -> None:
    """A demo that gets stuck exits with 1, says where it stopped, and keeps the lab's log."""
    done = run_demo(tmp_path, "--time-limit", "5.5")
    assert done.returncode == 1
    assert "the time was up while waiting for" in done.stderr
    (kept,) = (tmp_path / "temporary").iterdir()
    assert str(kept) in done.stderr
    assert (kept / "lab.log").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_takes_its_lab_along(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C or SIGTERM ends the demo with the usual code, and no lab outlives it."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*HOTLAB, "demo"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            said = next(line for line in demo.stdout if line.startswith("hotlab run is process"))
            lab = int(said.split()[4].rstrip(";"))
            os.kill(lab, 0)
            demo.send_signal(number)
            demo.communicate(timeout=30)
        finally:
            demo.kill()
    assert demo.returncode == code
    with pytest.raises(ProcessLookupError):
        os.kill(lab, 0)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the demo's story."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    demo_module = importlib.import_module("hotlab.cli.demo")

    def replace(story: Callable[..., Evidence]) -> None:
        monkeypatch.setattr(demo_module, "_tell", story)

    return replace


def test_a_false_claim_makes_the_demo_fail(
    told: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """When the evidence bears a claim out not, the exit code is 1 and the claim is named."""
    told(lambda *_, **__: Evidence(tasks=(), edits=()))
    assert main(["demo"]) == 1
    errors = capsys.readouterr().err
    assert "this did not happen: every task was completed" in errors
    (kept,) = tmp_path.iterdir()
    assert f"kept in {kept}" in errors


def test_a_lab_that_fails_makes_the_demo_fail(told: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """When the story cannot be told, the exit code is 1 and the reason is given, in JSON too."""

    def fail(*_: object, **__: object) -> Evidence:
        raise DemoFailed("the lab ended with exit code 7")

    told(fail)
    assert main(["demo", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failure"] == "the lab ended with exit code 7"
