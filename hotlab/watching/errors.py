"""The error of this layer."""

from __future__ import annotations

from hotlab.importing.errors import HotlabError


class WatchingError(HotlabError):
    """Watching can't begin, or has ended by itself: edits are not seen until it is started."""
