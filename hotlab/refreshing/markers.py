"""The markers of hotlab's hooks. Light on purpose: a plugin and a lab may import them without anything else."""

from __future__ import annotations

import pluggy

PROJECT = "hotlab"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's function as an implementation of a hook: ``@hotlab.hookimpl``."""
