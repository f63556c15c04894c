"""Run as a program: modules that start a thread which imports the lab, and wait for it. Prints what came of each.

Each case is a lab package of its own, imported on a thread of its own, so that one that hangs stops no other.

    python joined_thread_cases.py FOLDER plain|outside|inside|reload
"""

from __future__ import annotations

import importlib
import itertools
import json
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hotlab

JOIN_SECONDS = 4.0

PLACES = ("root", "submodule", "late submodule")
"""Where the thread is started: in the package's ``__init__``; in a submodule that this imports; in a submodule that
is imported once the package is done."""

WHO = ("lab", "outsider")
"""Whose function the thread runs: the starting module's own, or one that is no lab code."""

FORMS = {
    "import lab": ("import {lab}", "{lab}.EARLY"),
    "import lab.done": ("import {lab}.done", "{lab}.done.X"),
    "import lab.done as": ("import {lab}.done as done", "done.X"),
    "from lab import done": ("from {lab} import done", "done.X"),
    "from lab import value": ("from {lab} import EARLY", "EARLY"),
    "from lab.done import": ("from {lab}.done import X", "X"),
    "import_module lab": ("import importlib\nroot = importlib.import_module('{lab}')", "root.EARLY"),
    "import_module done": ("import importlib\ndone = importlib.import_module('{lab}.done')", "done.X"),
    "import lab.fresh": ("import {lab}.fresh", "{lab}.fresh.X"),
    "from lab import fresh": ("from {lab} import fresh", "fresh.X"),
    "from lab.fresh import": ("from {lab}.fresh import X", "X"),
    "import_module fresh": ("import importlib\nfresh = importlib.import_module('{lab}.fresh')", "fresh.X"),
    "from lab.pkg.deep import": ("from {lab}.pkg.deep import X", "X"),
    "import_module deep": ("import importlib\ndeep = importlib.import_module('{lab}.pkg.deep')", "deep.X"),
    "fresh imports done": ("from {lab}.chained import X", "X"),
}
RELATIVE = {
    "from . import done": ("from . import done", "done.X"),
    "from .done import": ("from .done import X", "X"),
    "from .fresh import": ("from .fresh import X", "X"),
}

START = """\
EARLY = {version}
import threading
SAID = []
def ask():
{statement}
    SAID.append({value})
{target}
thread = threading.Thread(target=ask, daemon=True)
thread.start()
thread.join({seconds})
COMPLETED = not thread.is_alive()
"""

OUTSIDER = """\
def ask(SAID):
{statement}
    SAID.append({value})
"""


def cases() -> list[tuple[str, str, str]]:
    """Place, who, form of each case."""
    all_forms = {"lab": [*FORMS, *RELATIVE], "outsider": [*FORMS]}
    return [(place, who, form) for place, who in itertools.product(PLACES, WHO) for form in all_forms[who]]


def write(folder: Path, lab: str, case: tuple[str, str, str], *, version: int, inside: bool) -> None:
    """Write the lab of a case. Version 1 starts no thread."""
    place, who, form = case
    statement, value = (text.format(lab=lab) for text in {**FORMS, **RELATIVE}[form])
    statement = textwrap.indent(statement, "    ")
    (folder / f"outsider_{lab}.py").write_text(OUTSIDER.format(statement=statement, value=value))
    target = f"import outsider_{lab}, functools\nask = functools.partial(outsider_{lab}.ask, SAID)"
    starts = START.format(
        version=version,
        statement=statement,
        value=value,
        target=target if who == "outsider" else "",
        seconds=JOIN_SECONDS,
    )
    starts = starts if version > 1 else "EARLY = 1\n"
    root = "import hotlab\nhotlab.enable()\n" if inside else ""
    root += f"from . import done\nEARLY = {version}\n"
    root += {"root": starts, "submodule": "from . import starter\n", "late submodule": ""}[place]
    files = {
        "__init__": root,
        "starter": "" if place == "root" else starts,
        "done": f"X = ['done', {version}]",
        "fresh": f"X = ['fresh', {version}]",
        "chained": f"from .done import X\nX = [*X, {version}]",
        "pkg/__init__": "",
        "pkg/deep": f"X = ['deep', {version}]",
    }
    for name, text in files.items():
        path = folder / lab / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(folder: Path, mode: str, number: int, case: tuple[str, str, str]) -> dict[str, Any]:
    """Run one case and say what came of it."""
    lab = f"joined{number}_{mode}"
    name = lab if case[0] == "root" else f"{lab}.starter"
    write(folder, lab, case, version=1 if mode == "reload" else 2, inside=mode == "inside")
    importlib.invalidate_caches()
    if mode in ("outside", "reload"):
        hotlab.enable(lab)
    importlib.import_module(lab)
    starter = importlib.import_module(name)
    if mode == "reload":
        write(folder, lab, case, version=2, inside=False)
        # Not through hotlab.refresh(), which lets one lab after the other have its turn.
        enabled = hotlab.enable(lab)
        plan = enabled.plan()
        assert plan is not None
        starter = enabled.commit(enabled.stage(plan)).import_module(name)
    return {"case": case, "completed": starter.COMPLETED, "said": starter.SAID[:1] if starter.COMPLETED else None}


def main(folder: Path, mode: str) -> None:
    """Run all cases at once."""
    sys.path.insert(0, str(folder))
    threading.excepthook = lambda _: None  # what a thread's import raised shows as nothing said
    with ThreadPoolExecutor(len(cases())) as pool:
        futures = [pool.submit(run, folder, mode, number, case) for number, case in enumerate(cases())]
        print(json.dumps([future.result() for future in futures]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
