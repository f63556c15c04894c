"""The state of a live lab, to the object."""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any

import attrs

import hotlab
from tests.importing.model.trees import ROOT, ancestors, full, relative_name


@attrs.frozen(eq=False)
class State:
    """All that a reload may touch. It keeps the objects, so that no id is used twice."""

    generation: hotlab.Generation
    in_sys_modules: dict[str, ModuleType]
    modules: dict[str, ModuleType]
    namespaces: dict[str, dict[str, Any]]

    def held(self) -> set[str]:
        """The names of the modules that the lab holds."""
        return set(self.modules)


def without_orphans(held: Collection[str]) -> set[str]:
    """Of some modules those whose packages are there too.

    A package whose import failed leaves the modules that it had imported behind, in plain Python as well.
    """
    return {name for name in held if all(full(above) in held for above in ancestors(relative_name(name)))}


def state_of_lab() -> State:
    """Look at the lab as it is now."""
    generation = hotlab.current(ROOT)
    modules = dict(generation.modules)
    named = {name: module for name, module in sys.modules.items() if name == ROOT or name.startswith(ROOT + ".")}
    return State(generation, named, modules, {name: dict(vars(module)) for name, module in modules.items()})


def differences(before: State, after: State) -> list[str]:
    """In what two states differ, to the object."""
    found = []
    if before.generation is not after.generation:
        found.append(f"the current generation was {before.generation}, is {after.generation}")
    found += _different("sys.modules", before.in_sys_modules, after.in_sys_modules)
    found += _different("modules", before.modules, after.modules)
    for name in before.namespaces.keys() & after.namespaces.keys():
        found += _different(f"vars({name})", before.namespaces[name], after.namespaces[name])
    return found


def _different(what: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    missing = object()
    return [
        f"{what}: {name} was {before.get(name, 'not there')!r}, is {after.get(name, 'not there')!r}"
        for name in sorted({*before, *after})
        if before.get(name, missing) is not after.get(name, missing)
    ]


def not_shared(before: State, after: State, name: str) -> list[str]:
    """In what a module that was not affected is not the very same: its object, or for a package all its values."""
    if not hasattr(after.modules[name], "__path__"):
        if after.modules[name] is not before.modules[name]:
            return [f"{name} was not affected, yet is another module object"]
        return []

    def own(namespace: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value
            for key, value in namespace.items()
            if not isinstance(value, ModuleType) and (not key.startswith("__") or key == "__all__")
        }

    return _different(f"vars({name})", own(before.namespaces[name]), own(after.namespaces[name]))
