"""Random packages and random edits, against a fresh interpreter that imports the same files."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

NAMES = ["a", "b", "sub.c", "sub.d", "e", "main"]
FORMS = {
    "from": "from {root}.{name} import V as v{n}",
    "relative": "from .{up}{name} import V as v{n}",
    "dotted": "import {root}.{name}\nv{n} = {root}.{name}.V",
    "as": "import {root}.{name} as m{n}\nv{n} = m{n}.V",
    "import_module": "import importlib\nv{n} = importlib.import_module('{root}.{name}').V",
    "star": "from {root}.{name} import *\nv{n} = V",
    "fallback": "try:\n    from {root}.missing{n} import V as v{n}\n"
    "except ImportError:\n    from {root}.{name} import V as v{n}",
    "lazy": "def f{n}():\n    from {root}.{name} import V\n    return V\nv{n} = f{n}()",
    "type_checking": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {root}.nothing\n"
    "from {root}.{name} import V as v{n}",
}
IMPORTS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(sorted(FORMS))), max_size=3, unique_by=lambda i: i[0])
MODULE = st.tuples(st.integers(0, 99), IMPORTS)
EDITS = st.lists(
    st.dictionaries(st.integers(0, len(NAMES) - 1), MODULE, min_size=1, max_size=3), min_size=1, max_size=4
)


def text_of(root: str, index: int, module: tuple[int, list[tuple[int, str]]]) -> str:
    """A module whose value is a pure function of its constant and its imports, which go to earlier modules only."""
    constant, imports = module
    lines, terms = [], [str(constant)]
    for target, form in imports:
        if target < index:
            up = "." if "." in NAMES[index] else ""
            lines.append(FORMS[form].format(root=root, name=NAMES[target], n=target, up=up))
            terms.append(f"v{target}")
    return "\n".join([*lines, "V = (" + " + ".join(terms) + ") % 100003\n"])


def fresh_values(folder: Path, root: str) -> dict[str, int]:
    """What a new interpreter computes from the files as they are."""
    code = (
        "import importlib, json, sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])\n"
        "print(json.dumps({n: importlib.import_module(f'{sys.argv[2]}.{n}').V for n in json.loads(sys.argv[3])}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), root, json.dumps(NAMES)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    values: dict[str, int] = json.loads(done.stdout)
    return values


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(*[MODULE] * len(NAMES)), EDITS)
def test_a_reloaded_lab_equals_a_fresh_import(modules: tuple[object, ...], edits: list[dict[int, object]]) -> None:
    """After each edit every value equals that of a fresh interpreter, and unaffected modules are the same objects."""
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", False)
        patch.syspath_prepend(temporary)
        lab = LabOnDisk(Path(temporary), "oraclelab")
        lab.put("__init__.py", "")
        lab.put("sub/__init__.py", "")
        now = dict(enumerate(modules))
        try:
            for edit in [now, *edits]:
                for index, module in edit.items():
                    lab.put(NAMES[index].replace(".", "/") + ".py", text_of(lab.name, index, module))  # type: ignore[arg-type]
                now = {**now, **edit}
                lab.enable()
                before = dict(hotlab.current(lab.name).modules)
                report = lab.refresh()
                assert report.ok, report.error
                live = {name: lab.module(name).V for name in NAMES}
                assert live == fresh_values(lab.folder, lab.name)
                after = hotlab.current(lab.name).modules
                for name, module in before.items():
                    shared = name not in report.reloaded and not hasattr(module, "__path__")
                    assert not shared or after[name] is module
        finally:
            lab.forget()
