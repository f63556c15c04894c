"""Where to look: the watched paths, and the targets of links to folders inside them.

File systems report a change under the name of the folder that was watched. Here that name is led
back to the one that the lab knows: an edit of ``/data/tables/x.py``, reached in the lab through
the link ``lab/tables``, is a change of ``lab/tables/x.py``. Reads the disk, changes nothing; used
from the watcher's thread, and once from the thread that starts it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hotlab.watching.names import is_ignored, is_ignored_name

Identity = tuple[int, int] | None
"""Device and inode of what a path leads to; None if there is nothing."""


@dataclass(frozen=True)
class Places:
    """What is watched, as it was found at one moment."""

    watched: Mapping[str, str]
    """The paths that are watched, each with the name under which it is told."""
    names: Mapping[str, str]
    """Real paths and the names under which they are told, the longest first."""
    identities: Mapping[str, Identity]
    """What each path led to: those that are watched, and those that were not there."""

    def missing(self) -> tuple[str, ...]:
        """The paths that were to be watched and were not there."""
        return tuple(path for path, identity in self.identities.items() if identity is None)

    def moved(self) -> tuple[str, ...]:
        """Told names of the places that lead elsewhere, or nowhere, or somewhere again."""
        return tuple(
            self.watched.get(path, path) for path, identity in self.identities.items() if identify(path) != identity
        )

    def told_name(self, path: str) -> Path | None:
        """The lab's name for a changed path; None when it is not the lab's, or never an edit.

        By its real folder: a folder that several links lead to is reported under whichever name
        was watched last, and a link upwards makes that a name outside the lab.
        """
        folder, name = os.path.split(path)
        real = os.path.join(os.path.realpath(folder), name)
        for place, told in self.names.items():
            if real == place:
                return Path(told)
            if real.startswith(place + os.sep):
                parts = real[len(place) + 1 :].split(os.sep)
                return None if is_ignored(parts) else Path(told, *parts)
        return None

    def concerns_links(self, path: Path) -> bool:
        """Whether a change of this told name may add or remove a link to a folder."""
        return path.is_dir() or str(path) in self.watched.values()


def find_places(roots: Iterable[str]) -> Places:
    """The watched paths, and the folders outside them that links inside them lead to."""
    identities: dict[str, Identity] = {root: identify(root) for root in roots}
    watched = {root: root for root, identity in identities.items() if identity is not None}
    real_roots = [os.path.realpath(root) for root in watched]
    names: dict[str, str] = {}
    for root in watched:
        folder, name = os.path.split(root)
        names[os.path.join(os.path.realpath(folder), name)] = root
        names[os.path.realpath(root)] = root
    waiting = list(watched.items())
    while waiting:
        place, told = waiting.pop()
        for link in _links_to_folders(place):
            target = os.path.realpath(link)
            if target in names or _overlaps(target, real_roots):
                continue
            watched[target] = names[target] = told + link[len(place) :]
            identities[target] = identify(target)
            waiting.append((target, watched[target]))
    longest_first = dict(sorted(names.items(), key=lambda item: len(item[0]), reverse=True))
    return Places(watched=watched, names=longest_first, identities=identities)


def identify(path: str) -> Identity:
    """What a path leads to at this moment."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _overlaps(target: str, real_roots: Iterable[str]) -> bool:
    """Whether a target is watched already, or is a folder around a root: that is not the lab's."""
    return target == os.path.sep or any(
        target == root or target.startswith(root + os.sep) or root.startswith(target + os.sep) for root in real_roots
    )


def _links_to_folders(folder: str) -> Iterator[str]:
    """Links to folders anywhere in a folder; links are not followed, ignored names not entered."""
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if is_ignored_name(entry.name):
                continue
            if entry.is_symlink():
                if os.path.isdir(entry.path):
                    yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
