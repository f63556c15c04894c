"""What changed on disk, and when it has settled.

This layer knows folders and files, nothing of labs: it says *look again*, and the engine decides by
content whether anything changed. Importing it starts nothing and does not load watchfiles.
"""

from __future__ import annotations

from hotlab.watching.errors import WatchingError
from hotlab.watching.watcher import Watcher

__all__ = ["Watcher", "WatchingError"]
