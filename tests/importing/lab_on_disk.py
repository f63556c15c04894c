"""A small lab package on disk, for tests of the engine: write files, enable, refresh, and leave no trace."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import hotlab


class LabOnDisk:
    """A package folder under a temporary path that is on ``sys.path`` for the time of a test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    def write(self, **files: str) -> None:
        """Write modules: ``init`` is ``__init__.py``, ``dev__oven`` is ``dev/oven.py``, ``dev__init`` its package."""
        for key, text in files.items():
            parts = ["__init__" if part == "init" else part for part in key.split("__")]
            self.put("/".join(parts) + ".py", text)

    def put(self, relative: str, text: str | bytes) -> Path:
        """Write any file of the package."""
        path = self.folder / self.name / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def enable(self) -> hotlab.Lab:
        """Enable the package from outside."""
        return hotlab.enable(self.name)

    def module(self, name: str = "") -> ModuleType:
        """Import a module as outside code does."""
        return importlib.import_module(f"{self.name}.{name}" if name else self.name)

    def refresh(self) -> Any:
        """Take edits in."""
        return hotlab.refresh(self.name)

    def state(self) -> dict[str, tuple[int, dict[str, int]]]:
        """Every module object and every value in it, by identity: equal states are equal to the object."""
        lab = hotlab.current(self.name)
        return {
            name: (id(sys.modules[name]), {key: id(value) for key, value in vars(module).items()})
            for name, module in lab.modules.items()
        }

    def forget(self) -> None:
        """Disable the lab and drop its modules."""
        if self.name in hotlab.importing.enabled_labs():
            hotlab.disable(self.name)
        for name in [n for n in sys.modules if n == self.name or n.startswith(self.name + ".")]:
            del sys.modules[name]


def same_size_save(path: Path, text: str) -> None:
    """Save a text of the same size and put the time of modification back to the nanosecond."""
    before = path.stat()
    path.write_text(text)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
