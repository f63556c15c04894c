"""What is measured: plain Python, the floor, hotlab. Each drives one lab package in a process of its own."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any, ClassVar

from module_texts import PACKAGE
from synthetic_lab import LabPlan


class Engine:
    """Plain Python, and what every engine has: ``enable``, then the lab is imported, then ``prepare``, then refreshes.

    Attributes:
        told: the engine looks for no changes by itself; it is told the paths, and its times leave that search out.
        whole_seconds: it sees no second edit within a second, so that each edit is dated another second.
    """

    told: ClassVar[bool] = False
    whole_seconds: ClassVar[bool] = False

    def __init__(self, plan: LabPlan) -> None:
        self.plan = plan

    def enable(self) -> None:
        """Before the lab is imported."""

    def import_lab(self) -> None:
        """Import the whole lab."""
        importlib.import_module(PACKAGE)

    def prepare(self) -> None:
        """After the lab was imported, once."""

    def refresh(self, paths: list[str]) -> None:
        """Take an edit of these files in."""
        raise NotImplementedError

    def executed(self) -> int | None:
        """How many modules the last refresh executed, where the engine says so."""
        return None

    def vouch(self, epoch: Callable[[], int]) -> bool:
        """Let a watcher's count of changes stand for a look at the files. False where the engine has no such thing."""
        return False


class Floor(Engine):
    """The least that any engine can do that executes what an edit affects.

    It looks at every file's time of modification, compiles only what changed, and executes the affected modules, with
    the code objects kept of all others, in the order of a graph that was known beforehand. No digest, no roll-back, no
    old generation, nothing for other threads.
    """

    def prepare(self) -> None:
        """Take the code objects that the import left in the cached bytecode, and the files' times."""
        self.code: dict[str, CodeType] = {}
        self.saved: dict[str, int] = {}
        for name, module in self.plan.modules.items():
            self.saved[name] = os.stat(module.path).st_mtime_ns
            loader: Any = sys.modules[name].__spec__.loader  # type: ignore[union-attr]
            self.code[name] = loader.get_code(name)
        self.paths = {name: module.path for name, module in self.plan.modules.items()}
        self.affected = {name: self.plan.affected(name) for name in self.plan.targets.values()}

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        saved, stat = self.saved, os.stat
        changed = []
        for name, path in self.paths.items():
            now = stat(path).st_mtime_ns
            if now != saved[name]:
                saved[name] = now
                changed.append(name)
        if not changed:
            return
        affected: set[str] = set()
        for name in changed:
            affected |= self.affected[name]
            path = self.paths[name]
            with open(path, "rb") as file:
                self.code[name] = compile(file.read(), path, "exec", dont_inherit=True)
        for name in self.plan.order:
            if name in affected:
                exec(self.code[name], sys.modules[name].__dict__)


class Hotlab(Engine):
    """``hotlab.enable("the package")``, and ``hotlab.refresh()``."""

    def __init__(self, plan: LabPlan) -> None:
        super().__init__(plan)
        import hotlab

        self.hotlab = hotlab

    def enable(self) -> None:
        """See the class."""
        self.lab = self.hotlab.enable(PACKAGE)

    def prepare(self) -> None:
        """The first refresh loads what refreshes need."""
        self.refresh([])

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        self.report = self.hotlab.refresh()
        if not self.report.ok:
            raise RuntimeError(f"refused: {self.report.error}")

    def executed(self) -> int | None:
        """See the base class."""
        return len(self.report.reloaded)

    def vouch(self, epoch: Callable[[], int]) -> bool:
        """See the base class."""
        vouch = getattr(self.lab.tree, "vouch", None)
        if vouch is not None:
            vouch(epoch)
        return vouch is not None
