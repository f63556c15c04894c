"""The refresh sequence: hook specifications, participants, the ten steps, reports. Knows no device.

Loaded on first use, so that :mod:`hotlab.refreshing.markers` alone stays light.
"""

from __future__ import annotations

from hotlab.refreshing.limits import RefreshLimits
from hotlab.refreshing.markers import hookimpl, hookspec
from hotlab.refreshing.participants import Participant
from hotlab.refreshing.plugins import (
    PluginFailure,
    PluginInfo,
    Plugins,
    load_plugins,
    new_plugin_manager,
)
from hotlab.refreshing.refresh import Refresh, StepFailed
from hotlab.refreshing.refresher import Refresher
from hotlab.refreshing.reload_only import refresh
from hotlab.refreshing.reports import STEPS, Blocker, RefreshReport, StepReport

__all__ = [
    "STEPS",
    "Blocker",
    "Participant",
    "PluginFailure",
    "PluginInfo",
    "Plugins",
    "Refresh",
    "RefreshLimits",
    "RefreshReport",
    "Refresher",
    "StepFailed",
    "StepReport",
    "hookimpl",
    "hookspec",
    "load_plugins",
    "new_plugin_manager",
    "refresh",
]
