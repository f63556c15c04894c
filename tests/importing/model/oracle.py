"""The oracle: what a fresh interpreter makes of a tree."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.importing.model.rendering import bring_in_line, files_of
from tests.importing.model.rules import cyclic
from tests.importing.model.trees import LAZY_FORMS, OBJECT_FORMS, ROOT, Tree, full

WAIT = 90.0
_SCRIPT = Path(__file__).with_name("fresh_interpreter.py")


@attrs.frozen
class Answer:
    """What a fresh interpreter says about a tree.

    Attributes:
        ok: whether everything asked for could be imported.
        error: what failed.
        within: the modules that were being imported then, the one that failed last.
        held: the lab's modules that were imported, by absolute name.
        values: their values.
        retried: those that were executed more than once, because an execution failed and was caught.
        late: what each late function answers, by absolute name; two answers where it depends on what was imported.
        rest: the value of each module of the tree that was not asked for, or its error; two where the order counts.
        log: what began and ended to be executed, in order.
        order_dependent: whether another order gives another result.
        excused: modules whose values depend on where a cycle was entered before an edit that leads into it elsewhere.
        others: the results of other orders, where they count.
    """

    ok: bool
    error: str | None = None
    within: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, object]] = attrs.field(factory=dict)
    retried: tuple[str, ...] = ()
    late: Mapping[str, tuple[object, ...]] = attrs.field(factory=dict)
    rest: Mapping[str, tuple[object, ...]] = attrs.field(factory=dict)
    log: tuple[tuple[str, str], ...] = ()
    order_dependent: bool = False
    excused: frozenset[str] = frozenset()
    others: tuple[Answer, ...] = ()


class Oracle:
    """A process that forks a fresh interpreter for each question. One thread at a time.

    It has a copy of the tree of its own, not the lab's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, str] = {}
        self._edited: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        if hasattr(os, "fork"):
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                start_new_session=True,
            )  # fmt: skip

    def close(self) -> None:
        """End the process, whatever it does at this moment: nobody is waiting for an answer any more."""
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with the fresh interpreter that it may be waiting for
            self._process.wait(WAIT)
            self._process.stdout.close()

    def ask(self, tree: Tree, order: Sequence[str], *, enable: bool = False) -> Answer:
        """Import the root and then some modules, by their names in the tree.

        Where the tree has a cycle whose result may depend on where it is entered, other orders are tried too.
        """
        files = files_of(tree, enable=enable)
        self._edited = [str(self._folder / ROOT / path) for path in files if files[path] != self._files.get(path)]
        bring_in_line(self._folder / ROOT, self._files, files)
        self._files = files
        answer = self._ask(tree, order)
        bad = cyclic(tree)
        if not bad and not answer.order_dependent:
            return answer
        orders = [list(reversed(order))]
        orders += [[name, *[other for other in order if other != name]] for name in sorted(bad) if name in order]
        others = tuple(self._ask(tree, each) for each in orders)
        differs = any((other.ok, other.values) != (answer.ok, answer.values) for other in others)
        return attrs.evolve(answer, order_dependent=answer.order_dependent or differs, others=others)

    def _ask(self, tree: Tree, order: Sequence[str]) -> Answer:
        late, chains = _late_functions(tree)
        question = {
            "root": ROOT, "folder": str(self._folder), "order": [full(name) for name in order],
            "edited": self._edited, "chains": chains, "late": late, "all": [full(name) for name in tree.names],
        }  # fmt: skip
        raw = self._exchange(question)
        if not raw["ok"]:
            return Answer(False, raw["error"], tuple(raw["within"]))
        answers: dict[str, tuple[object, ...]] = {name: (answer,) for name, answer in raw["late"].items()}
        rest = {name: tuple(right) for name, right in raw["rest"].items()}
        for name, answer in raw["late_chains"].items():
            # A chain finds nothing until somebody has imported what it leads to.
            nothing = -int(name.rpartition("_late")[2])
            answers[name] = tuple(dict.fromkeys((raw["early_chains"].get(name, nothing), answer)))
        # A failed and caught import of a package leaves its submodules behind; their next import skips the package, and
        # after the package's own next import they are no attributes of it.
        return Answer(
            True, None, (), tuple(raw["held"]), raw["values"], tuple(raw["retried"]), answers, rest,
            log=tuple((event, name) for event, name in raw["log"]),
            order_dependent=bool(raw["orphans"] or raw["retried"]),
        )  # fmt: skip

    def _exchange(self, question: Mapping[str, Any]) -> Any:
        line = json.dumps(question).encode() + b"\n"
        if self._process is None:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(_SCRIPT), "--once"],
                input=line, capture_output=True, check=True, timeout=WAIT,
            )  # fmt: skip
            return json.loads(done.stdout)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line)
        answer = b""
        while not answer.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], WAIT)[0]:
                raise TimeoutError("the oracle does not answer")
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                raise EOFError("the oracle has ended")
            answer += part
        return json.loads(answer)


def _late_functions(tree: Tree) -> tuple[list[list[str]], list[list[str]]]:
    late, chains = [], []
    for name in tree.names:
        for each in tree.modules[name].imports:
            if each.form == "chain":
                chains.append([full(name), f"_late{each.number}"])
            elif each.form in LAZY_FORMS or each.form in OBJECT_FORMS:
                late.append([full(name), f"_late{each.number}"])
    return late, chains
