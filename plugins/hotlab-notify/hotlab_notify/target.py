"""One target: a short queue, a thread that empties it, and a time limit on each sending.

Owns its threads, all of them daemons, begun with the first message. It guarantees that `put` never
waits, that a target which hangs holds up no other target and costs at most one stuck thread, and
that memory stays bounded: of more than `most_waiting` messages the oldest are dropped, which is
logged. A failure is logged once, and again only after something else happened. Nothing is sent a
second time. Callable from any thread.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from hotlab_notify.message import Message
from hotlab_notify.secrets import caught_logging, safe_label, safe_scheme, without_secrets
from hotlab_notify.settings import TIMEOUT, Address

logger = logging.getLogger(__name__)

MOST_WAITING = 20

_SERVICES = "https://appriseit.com/services/"


class Target:
    """Sends messages to one address, one after the other, on its own thread."""

    def __init__(self, address: Address, *, timeout: float, most_waiting: int = MOST_WAITING) -> None:
        self._address = address
        self._timeout = timeout
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        """Guards the queue, the worker and the counts."""
        self._waiting: deque[Message] = deque()
        self._worker: threading.Thread | None = None
        self._unfinished = 0
        self._dropped = 0
        self._log_lock = threading.Lock()
        self._last_failure: str | None = None
        self._name = address.origin

    def put(self, message: Message) -> None:
        """Queue a message; returns at once."""
        with self._changed:
            self._waiting.append(message)
            self._unfinished += 1
            lost = len(self._waiting) > self._most_waiting
            if lost:
                self._waiting.popleft()
                self._unfinished -= 1
                self._dropped += 1
            if self._worker is None:
                self._worker = threading.Thread(
                    target=self._work, name=f"hotlab-notify: {self._address.origin}", daemon=True
                )
                self._worker.start()
            self._changed.notify_all()
        if lost:
            self._log_failure(
                f"more than {self._most_waiting} notifications wait for it, the oldest are dropped",
                "see why it is slow, or take it out",
            )

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether everything that was put has been sent, or given up, within the time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._unfinished:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return self._unfinished == 0
        return True

    @property
    def dropped(self) -> int:
        """How many messages were dropped because too many were waiting."""
        with self._changed:
            return self._dropped

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                message = self._waiting.popleft()
            try:
                self._send_within_limit(message)
            except Exception:
                logger.exception("hotlab-notify: %s: fault of the plugin itself", self._name)
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def _send_within_limit(self, message: Message) -> None:
        """Send on a thread of its own, and look after it for the time limit."""
        returned = threading.Event()

        def send() -> None:
            try:
                self._send(message, in_time=lambda: time.monotonic() < deadline)
            finally:
                returned.set()

        deadline = time.monotonic() + self._timeout
        name = f"hotlab-notify sends: {self._address.origin}"
        threading.Thread(target=send, name=name, daemon=True).start()
        if returned.wait(self._timeout):
            return
        self._log_failure(
            f"no answer within {self._timeout:g} s; nothing more is sent there until it has one",
            f"check that its host answers, or raise {TIMEOUT}",
        )
        # A thread can't be ended from outside. Waiting for it keeps it the only one.
        returned.wait()

    def _send(self, message: Message, *, in_time: Callable[[], bool]) -> None:
        failure: tuple[str, str] | None
        with caught_logging() as lines:
            try:
                failure = self._notify(message, lines)
            except BaseException as error:
                logger.debug("hotlab-notify: %s: %s", self._name, type(error).__name__)
                said = without_secrets(str(error), self._address.url)
                failure = f"{type(error).__name__}: {said}", _remedy(said)
        if failure is not None:
            self._log_failure(*failure)
        elif in_time():
            self._log_success()
        else:
            logger.info("hotlab-notify: %s: answered at last, the message was sent", self._name)

    def _notify(self, message: Message, lines: list[str]) -> tuple[str, str] | None:
        """Hand a message to apprise; what went wrong and the remedy, or None."""
        try:
            apprise = _apprise()
        except ImportError as error:
            return f"apprise can't be imported ({error})", "pip install apprise"
        service = apprise.Apprise(asset=_asset(apprise))
        if not service.add(self._address.url):
            scheme = safe_scheme(self._address.url)
            return (
                f"not a notification URL that apprise can use (scheme {scheme or 'missing'})",
                f"write it as in {_SERVICES} and start the lab again",
            )
        self._name = f"{safe_label(service[0].url(privacy=True))} ({self._address.origin})"
        sent = service.notify(
            body=message.body,
            title=message.title,
            notify_type=message.kind,
            body_format="text",
        )
        if sent:
            return None
        said = without_secrets("; ".join(lines), self._address.url)
        return said or "the message was not taken", _remedy(said)

    def _log_failure(self, what: str, remedy: str) -> None:
        with self._log_lock:
            is_known = what == self._last_failure
            self._last_failure = what
        logger.log(
            logging.DEBUG if is_known else logging.WARNING,
            "hotlab-notify: %s: not sent: %s. The lab is not concerned. What to do: %s.",
            self._name,
            what.rstrip("."),
            remedy,
        )

    def _log_success(self) -> None:
        with self._log_lock:
            was_failing = self._last_failure is not None
            self._last_failure = None
        logger.log(
            logging.INFO if was_failing else logging.DEBUG,
            "hotlab-notify: %s: %s",
            self._name,
            "works again" if was_failing else "sent",
        )


def _apprise() -> Any:
    """apprise, loaded when it is first needed: it is large. How much of it is typed varies."""
    return importlib.import_module("apprise")


def _asset(apprise: Any) -> Any:
    """Settings that make apprise send on the thread that asked.

    Its own pool is shared by all targets, so that hanging ones would fill it, and its threads are
    waited for when the process ends. It is used for time limits, which this module has itself.
    """
    options: dict[str, Any] = {"app_id": "hotlab", "app_desc": "hotlab", "async_mode": False}
    if "service_timeout" in inspect.signature(apprise.AppriseAsset).parameters:
        options["service_timeout"] = 0
    return apprise.AppriseAsset(**options)


def _remedy(said: str) -> str:
    if re.search(r"\b(?:error[=: ]*)?(?:401|403|404)\b", said):
        return f"check token, password and path in its URL; {_SERVICES} has how it is written"
    if re.search(r"error[=: ]*5\d\d", said):
        return "the service has a fault of its own; look there"
    return "check that its host can be reached from here, and that the service takes messages"
