"""Other reloaders, where they are installed: for the table of peers, not for hotlab's own figures."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, ClassVar

from engines import Engine, Floor, Hotlab
from module_texts import PACKAGE


class ImportlibReload(Engine):
    """``importlib.reload`` of every module, dependencies first. It knows no changes: each call reloads all."""

    whole_seconds: ClassVar[bool] = True

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        for name in self.plan.order:
            importlib.reload(sys.modules[name])


class Autoreload(Engine):
    """IPython's ``%autoreload 2``: looks at every loaded module, reloads those whose file is newer."""

    whole_seconds: ClassVar[bool] = True

    def enable(self) -> None:
        """See the class."""
        found: Any = importlib.import_module("IPython.extensions.autoreload")
        self.reloader = found.ModuleReloader()
        self.reloader.enabled = True
        self.reloader.check_all = True

    def prepare(self) -> None:
        """Its first look only notes the files' times."""
        self.reloader.check()

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        self.reloader.check()


class Jurigged(Engine):
    """jurigged: patches functions in place. Told the path, as its own watcher would tell it."""

    told: ClassVar[bool] = True

    def enable(self) -> None:
        """See the class."""
        live: Any = importlib.import_module("jurigged.live")
        pattern = str(Path(self.plan.root, PACKAGE, "**", "*.py"))
        self.watcher = live.watch(pattern=pattern, logger=lambda *_, **__: None, autostart=False)

    def prepare(self) -> None:
        """Its patterns match some files only: name the others to it."""
        registry = self.watcher.registry
        for name, module in self.plan.modules.items():
            if module.path not in registry.cache and module.path not in registry.precache:
                registry.prepare(name, module.path)

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        for path in paths:
            self.watcher.refresh(path)


class Hmr(Engine):
    """hmr (reactivity.hmr): told the paths. It is lazy, so the values are pulled from an entry file's module."""

    told: ClassVar[bool] = True

    def enable(self) -> None:
        """An entry file that depends on the three modules which are edited, through the package's root."""
        core: Any = importlib.import_module("reactivity.hmr.core")
        entry = Path(self.plan.root, "entry.py")
        lines = [f"import {PACKAGE}"]
        for target in self.plan.targets.values():
            lines += [f"import {target} as m", "m.TOTAL"]
        root = self.plan.modules[PACKAGE]
        lines += [f"{PACKAGE}.{name}" for name in root.exports]
        entry.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.core = core
        self.reloader = core.SyncReloader(str(entry), [self.plan.root], [])

    def import_lab(self) -> None:
        """Importing is its entry file's run."""
        self.effect = self.core.HMR_CONTEXT.effect(self.reloader.run_entry_file)

    def refresh(self, paths: list[str]) -> None:
        """See the class."""
        if paths:
            self.reloader.on_changes({Path(path).resolve() for path in paths})
            for name in self.plan.modules:
                _ = getattr(sys.modules[name], "TOTAL", None)


PEERS: dict[str, tuple[type[Engine], str]] = {
    "reload": (ImportlibReload, "importlib"),
    "autoreload": (Autoreload, "IPython.extensions.autoreload"),
    "jurigged": (Jurigged, "jurigged.live"),
    "hmr": (Hmr, "reactivity.hmr.core"),
}
"""By name: the engine, and the module that has to be importable for it."""

ENGINES: dict[str, type[Engine]] = {
    "plain": Engine,
    "floor_min": Floor,
    "hotlab": Hotlab,
    **{name: engine for name, (engine, _) in PEERS.items()},
}
