"""The meta-path finder and the loader of lab modules: the door through which outside code imports a lab."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from hotlab.importing import executing
from hotlab.importing.asking import generation_asked_for

if TYPE_CHECKING:
    from hotlab.importing.labs import Lab
    from hotlab.importing.records import ModuleRecord
    from hotlab.importing.sources import Source


class LabLoader(importlib.machinery.SourceFileLoader):
    """Loads one lab module. With a record: that of a real module; without: that of its façade.

    Derived from ``SourceFileLoader`` for what else it offers: ``importlib.resources``, ``pkgutil.get_data``, inspect.
    """

    loads_lab_modules = True
    lab: Lab
    record: ModuleRecord | None

    def __init__(self, lab: Lab, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.lab = lab
        self.record = None
        self._created = False

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """The façade of the module, which importlib puts into ``sys.modules``."""
        self._created = True
        return self.lab.facade_for(self.name)

    def exec_module(self, module: ModuleType) -> None:
        """Make sure that the real module is executed in the generation that is asked for."""
        generation = generation_asked_for(self.lab)
        if self._created:
            self._created = False
            generation.load(self.name)
        else:  # importlib.reload by hand
            generation.load(self.name)
            self.lab.execute_again(generation.records[self.name])

    def source(self) -> Source | None:
        """The source of the real module, or of the façade's module in the generation that is asked for."""
        if self.record is not None:
            return self.record.source
        return generation_asked_for(self.lab).snapshot.get(self.name)

    def _source(self) -> Source:
        source = self.source()
        if source is None:
            raise ImportError(
                f"{self.name!r} is not part of the current generation of {self.lab.name}",
                name=self.name,
            )
        return source

    def get_source(self, fullname: str) -> str | None:
        """The text of the module in its own generation."""
        return importlib.util.decode_source(self._source().text)

    def get_code(self, fullname: str) -> CodeType | None:
        """The code object of the module in its own generation."""
        top = executing.top()
        if top is not None and top[0].lab is self.lab and top[1].name != self.name:
            top[1].note_need(self.name)  # runpy, for one, takes it from here
        return self._source().code()

    def is_package(self, fullname: str) -> bool:
        """Whether the module is a package."""
        return self._source().is_package


class LabFinder:
    """Owns the names of enabled lab packages and nothing else. Only looks: it runs under importlib's locks."""

    def __init__(self, labs: dict[str, Lab]) -> None:
        self._labs = labs

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        lab = self._labs.get(fullname.partition(".")[0])
        if lab is None:
            return None
        if fullname == lab.name and fullname not in sys.modules:
            lab.start_afresh()
        source = generation_asked_for(lab).snapshot.get(fullname)
        if source is not None:
            executing.is_found()
            return None if source.kind == "extension" else make_spec(LabLoader(lab, fullname, source.path), source)
        appeared = importlib.machinery.PathFinder.find_spec(fullname, path)
        if appeared is not None and str(appeared.origin or "").startswith(lab.root_prefixes):
            raise ModuleNotFoundError(
                f"No module named {fullname!r} in generation {lab.current.number} of {lab.name}: "
                "its file appeared after it; hotlab.refresh() takes it in",
                name=fullname,
            )
        return None

    def invalidate_caches(self) -> None:
        """Nothing is cached here: the sources of a generation don't change."""


def make_spec(loader: LabLoader, source: Source) -> importlib.machinery.ModuleSpec:
    """The spec of a lab module, real or façade, as plain Python would make it."""
    spec = importlib.machinery.ModuleSpec(
        source.name,
        loader,
        origin=None if source.kind == "namespace" else source.path,
        is_package=source.is_package,
    )
    if source.is_package:
        spec.submodule_search_locations = [source.folder]
    if source.kind != "namespace":
        spec.has_location = True
    return spec
