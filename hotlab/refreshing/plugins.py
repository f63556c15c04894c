"""Plugins: pip-installed distributions that announce themselves in the entry-point group ``hotlab``."""

from __future__ import annotations

import logging

import attrs
import pluggy

from hotlab.refreshing import hookspecs
from hotlab.refreshing.markers import PROJECT

log = logging.getLogger(__name__)

HOOKS = frozenset(name for name in vars(hookspecs) if name.startswith("hotlab_"))


@attrs.frozen
class PluginInfo:
    """A plugin that is loaded: its entry point's name, the distribution and version it came with, its hooks."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@attrs.frozen
class PluginFailure:
    """A plugin that could not be loaded, and why. It takes neither the lab nor the other plugins down."""

    name: str
    distribution: str
    version: str
    error: str


@attrs.frozen(eq=False)
class Plugins:
    """What :func:`load_plugins` found, registered with `manager`."""

    manager: pluggy.PluginManager
    loaded: tuple[PluginInfo, ...]
    failed: tuple[PluginFailure, ...]


def new_plugin_manager() -> pluggy.PluginManager:
    """A plugin manager that knows hotlab's hooks and has no plugin yet."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugins(group: str = PROJECT) -> Plugins:
    """Load every plugin of an entry-point group, by name; those that fail are reported and skipped."""
    # Here and not above: importing it changes `importlib.metadata` for the whole process, which code that only
    # reloads itself did not ask for.
    import importlib_metadata

    manager = new_plugin_manager()
    loaded: list[PluginInfo] = []
    failed: list[PluginFailure] = []
    for entry in sorted(importlib_metadata.entry_points(group=group), key=lambda entry: entry.name):
        distribution = entry.dist.name if entry.dist is not None else "?"
        version = entry.dist.version if entry.dist is not None else "?"
        try:
            plugin = entry.load()
            manager.register(plugin, name=entry.name)
            unknown = sorted({hook.name for hook in manager.get_hookcallers(plugin) or []} - HOOKS)
            if unknown:
                raise LookupError(f"no such hook: {', '.join(unknown)}; hotlab has {', '.join(sorted(HOOKS))}")
        except BaseException as error:
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
            why = f"{type(error).__name__}: {error}"
            failed.append(PluginFailure(entry.name, distribution, version, why))
            log.warning("plugin %s of %s %s was skipped: %s", entry.name, distribution, version, why)
        else:
            hooks = tuple(sorted(hook.name for hook in manager.get_hookcallers(plugin) or []))
            loaded.append(PluginInfo(entry.name, distribution, version, hooks))
    return Plugins(manager, tuple(loaded), tuple(failed))
