"""The plugin as hotlab finds it, by the entry point ``notify`` of the group ``hotlab``.

The hook is called on the refresh's thread, and only composes a text and puts it into queues: it
waits for nobody. Settings are read at the first refresh; a change of them needs a new start.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import hotlab
from hotlab_notify.message import compose, is_worth_telling
from hotlab_notify.settings import FILE, URLS, read_settings
from hotlab_notify.target import Target

if TYPE_CHECKING:
    from hotlab.refreshing import RefreshReport

logger = logging.getLogger(__name__)


class Notifier:
    """Tells the targets of an environment about refreshes. Making one reads and starts nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        """Guards the next two, which are set together, once."""
        self._targets: tuple[Target, ...] | None = None
        self._outcomes: frozenset[str] = frozenset()

    def refresh_finished(self, report: RefreshReport) -> None:
        """Tell every target, if this outcome is to be told; returns at once."""
        targets = self.targets()
        if targets and report.outcome in self._outcomes and is_worth_telling(report):
            message = compose(report)
            for target in targets:
                target.put(message)

    def targets(self) -> tuple[Target, ...]:
        """The targets, made from the settings on the first call."""
        with self._lock:
            if self._targets is None:
                settings = read_settings(self._environ)
                for problem in settings.problems:
                    logger.warning("hotlab-notify: %s", problem)
                if not settings.addresses:
                    logger.info("hotlab-notify: nobody is notified: set %s or %s to have it so", URLS, FILE)
                self._outcomes = settings.outcomes
                self._targets = tuple(Target(address, timeout=settings.timeout) for address in settings.addresses)
            return self._targets


_notifier = Notifier()


@hotlab.hookimpl
def hotlab_refresh_finished(report: RefreshReport) -> None:
    """Queue a notification of the outcome for each target."""
    _notifier.refresh_finished(report)
