"""Kind K09: bursts of saves and half-written files."""

from __future__ import annotations

import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 60.0
FILES, CHAIN = 200, 20


def test_r47_an_empty_file_whose_names_are_imported_never_becomes_current(lab: LabOnDisk) -> None:
    """[R47] The empty, then the cut file is refused by a refresh that meets it; the final text is taken."""
    final = "A = 1\nB = 2\nC = 3\nD = 4\n"
    lab.write(limits="A = B = C = D = 0", main="from .limits import A, B, C, D\ndef seen(): return A, B, C, D")
    lab.enable()
    before = lab.module("main").seen()
    for size in range(len(final) - 1):
        path = lab.put("limits.py", final[:size])
        report = lab.refresh()
        assert (report.ok, lab.module("main").seen()) == (False, before), final[:size]
    path.write_text(final)
    assert lab.refresh().ok
    assert lab.module("main").seen() == (1, 2, 3, 4)


def write_tree(folder: Path, name: str) -> None:
    """A tree of many modules in which each takes a name from the next, and the name depends on the version."""
    for number in range(FILES):
        last = (number + 1) % CHAIN == 0
        following = "below = None\n" if last else f"from .m{number + 1} import {name} as below\n"
        (folder / f"m{number}.py").write_text(f"{following}{name} = {name!r}\nassert below in (None, {name})\n")
    (folder / "main.py").write_text(
        "".join(
            f"from . import m{first}\nfrom .m{first} import {name} as g{first}\n" for first in range(0, FILES, CHAIN)
        )
        + f"from . import m{FILES - 1}\n"
        f"def seen():\n    from .m{FILES // 2} import {name} as middle\n"
        f"    return {{m0.{name}, middle, m{FILES - 1}.{name}}}\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_r48_switching_branches_under_load_is_never_a_mix(lab: LabOnDisk) -> None:
    """[R48] Two commits with an incompatible rename across 200 files: refreshes in the midst of a checkout are
    refused, the one after it makes one generation, and tasks that run meanwhile see either of the two whole."""
    folder = lab.folder / lab.name

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=WAIT)

    git("init", "-q")
    (folder / ".gitignore").write_text("__pycache__\n")
    for name in ("alpha", "beta"):
        write_tree(folder, name)
        git("add", ".")
        git("commit", "-q", "-m", name)
        git("branch", name)
    git("checkout", "-q", "alpha")
    enabled = lab.enable()
    lab.module("main")
    stop, mixed, seen_at_all = threading.Event(), [], set()

    def work() -> None:
        while not stop.wait(0.002):
            seen = enabled.current.import_module(f"{lab.name}.main").seen()
            seen_at_all.update(seen)
            if len(seen) != 1:
                mixed.append(seen)

    def refresh() -> None:
        while not stop.wait(0.002):
            lab.refresh()

    with ThreadPoolExecutor(5) as pool:
        tasks = [pool.submit(work) for _ in range(4)] + [pool.submit(refresh)]
        try:
            for turn in range(6):
                name = ("beta", "alpha")[turn % 2]
                before = hotlab.current(lab.name).number
                git("checkout", "-q", name)
                report = lab.refresh()
                assert report.ok, report.error
                assert hotlab.current(lab.name).number == before + 1
                assert lab.module("main").seen() == {name}
        finally:
            stop.set()
        for task in tasks:
            task.result(WAIT)
    assert mixed == []
    assert seen_at_all == {"alpha", "beta"}


def test_r49_a_formatter_over_many_files_is_one_generation(lab: LabOnDisk) -> None:
    """[R49] 300 files written anew with other white space, some of them again: one refresh, then none."""
    texts = {f"m{n}": f"V={n}\ndef f( ): return V\n" for n in range(300)}
    lab.write(**texts, main="\n".join(f"from . import m{n}" for n in range(300)))
    lab.enable()
    lab.module("main")
    for _ in range(2):
        lab.write(**{name: text.replace("=", " = ").replace("( )", "()") for name, text in texts.items()})
    report = lab.refresh()
    assert len(report.changed) == 300
    assert hotlab.current(lab.name).number == 1
    assert lab.refresh().changed == ()
    assert hotlab.current(lab.name).number == 1
