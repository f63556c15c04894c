"""Keeps passwords and tokens out of what is logged.

Nearly any part of a notification URL can be a secret: Slack's tokens are its path, a webhook's key
is its query. So a text that may repeat a URL is cleared of all its parts, and what apprise and the
libraries below it log while sending is caught: their debug lines hold the URLs as they are.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import re
from collections.abc import Iterator
from urllib.parse import unquote

HIDDEN = "****"

_GENERIC = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Webhooks of any kind: their host is no secret, and their path may be."""

_TALKATIVE = (
    "apprise",
    "requests",
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
)


def safe_scheme(url: str) -> str | None:
    """The scheme of a URL, if there is something that can only be one."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://", url)
    return found[1].lower() if found else None


def safe_label(private_url: str) -> str:
    """A short name for a target, of what apprise's ``url(privacy=True)`` gives.

    Without the query, where that leaves headers and keys of webhooks readable.
    """
    label = private_url.partition("?")[0]
    if safe_scheme(label) in _GENERIC:
        scheme, _, rest = label.partition("://")
        label = f"{scheme}://{rest.partition('/')[0]}/"
    return label


def without_secrets(text: str, url: str) -> str:
    """The text, cleared of every part of the URL that could be a secret."""
    rest = url.partition("://")[2] or url
    pieces = {piece for piece in re.split(r"[/:@?&=#,;\s]+", rest) if len(piece) >= 4}
    user, at, _ = rest.rpartition("@")
    if at:
        pieces.update(user.split("/")[-1].split(":", 1))
    pieces |= {unquote(piece) for piece in pieces} | {url, rest}
    for piece in sorted(pieces - {""}, key=len, reverse=True):
        text = text.replace(piece, HIDDEN)
    return text


_lines: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("lines", default=None)


class _Catch(logging.Filter):
    """Takes records that were made while sending for us; lets all others pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        lines = _lines.get()
        if lines is None:
            return True
        if record.levelno >= logging.WARNING:
            lines.append(record.getMessage())
        return False


_catch = _Catch()


@contextlib.contextmanager
def caught_logging() -> Iterator[list[str]]:
    """While inside, warnings of apprise go to the list and nothing of it to the log.

    Concerns this thread only. The filters stay in place: taking one away while another thread
    logs could let a line of that thread through.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_catch)
    lines: list[str] = []
    token = _lines.set(lines)
    try:
        yield lines
    finally:
        _lines.reset(token)
