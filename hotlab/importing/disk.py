"""The tree on disk: looks at every file, reads what may have changed.

Stat data only say where to look (time of modification and of inode change in ns, size, inode); folders are listed
again where theirs moved. They are not believed for files and folders younger than the clock of file systems is fine,
so that an edit of equal size in the same instant is seen too. A tree may be asked from one thread at a time; the
engine does so under its reload lock.
"""

from __future__ import annotations

import importlib.machinery
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from hotlab.importing.executing import is_data
from hotlab.importing.reading import open_to_read, read_whole
from hotlab.importing.sources import Kind, Layout, Snapshot, Source, digest_of

# File systems stamp files from a clock that ticks every 1-10 ms: a file changed within this time before we read it
# may change again without its stat showing it. Git calls such entries "racily clean".
RACY_NS = 100_000_000
EXTENSION_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)
# Only POSIX promises that a folder's time moves with each entry that comes or goes.
_FOLDER_TIMES_COUNT = os.name == "posix"


@attrs.define(eq=False)
class _File:
    """A source file as it was seen last."""

    path: str
    source: Source
    mtime: int
    ctime: int
    size: int
    inode: int
    trusted: bool


@attrs.define(eq=False)
class _Folder:
    """A folder as it was listed last: what in it may be modules and packages."""

    path: str
    real: str
    times: tuple[int, int]
    inode: int
    trusted: bool
    has_links: bool
    has_data: bool
    initial: str | None
    files: list[tuple[str, str, Kind]]
    folders: list[tuple[str, str]]


@attrs.define(eq=False)
class DiskTree:
    """The lab package on disk: a folder (or one file), links into other folders followed."""

    name: str
    root: Path
    _files: dict[str, _File] = attrs.field(factory=dict, init=False, repr=False)
    _folders: dict[str, _Folder] = attrs.field(factory=dict, init=False, repr=False)
    _folders_before: dict[str, _Folder] = attrs.field(factory=dict, init=False, repr=False)
    _last: Snapshot | None = attrs.field(default=None, init=False, repr=False)
    _epoch: Callable[[], int | None] | None = attrs.field(default=None, init=False, repr=False)
    _epoch_seen: int | None = attrs.field(default=None, init=False, repr=False)

    def vouch(self, epoch: Callable[[], int | None] | None) -> None:
        """Let a watcher vouch for the tree, so that it is not looked at while nothing changes.

        Args:
            epoch: returns a number that grows with each change that the watcher sees anywhere under the root, or None
                where it can't tell (it is starting, it lost events). None: nobody vouches any more.
        """
        self._epoch_seen = None
        self._epoch = epoch

    def has_data(self) -> bool:
        """See :meth:`SourceTree.has_data`."""
        return any(folder.has_data for folder in self._folders.values())

    def quiet(self) -> bool:
        """See :meth:`SourceTree.quiet`."""
        return self._epoch_seen is not None and self._epoch is not None and self._epoch() == self._epoch_seen

    def snapshot(self, known: Snapshot | None = None) -> Snapshot:
        """See :meth:`SourceTree.snapshot`. Raises OSError where a file is there but can't be read."""
        last = self._last
        if known is not None and last is not None and last.sources is known.sources and self.quiet():
            return known
        # Before the look: a change that comes while it goes on makes a new epoch.
        epoch = self._epoch() if self._epoch is not None else None
        try:
            now = None
            if last is not None and self._folders_are_the_same():
                now = self._read_suspects(last, known)
            if now is None:
                now = self._read_all(known, last)
        except BaseException:
            self._folders = {}  # what was read so far is in no snapshot: the next look is a whole one
            raise
        if known is not None and now is not known and _same(now, known):
            now = known
        self._last = now
        self._epoch_seen = epoch if epoch is not None and self._settled() else None
        return now

    def _settled(self) -> bool:
        """Whether a watcher can vouch for what was seen.

        Not for what is young, which may change once more without an event of its own, nor for what links lead to.
        """
        folders = all(folder.trusted and not folder.has_links for folder in self._folders.values())
        return folders and all(file.trusted for file in self._files.values())

    def _folders_are_the_same(self) -> bool:
        if not self._folders or not _FOLDER_TIMES_COUNT:
            return False
        for folder in self._folders.values():
            try:
                stat = os.stat(folder.path)
            except OSError:
                return False
            times = (stat.st_mtime_ns, stat.st_ctime_ns)
            if times != folder.times or stat.st_ino != folder.inode or not folder.trusted:
                return False
        return True

    def _read_suspects(self, last: Snapshot, known: Snapshot | None) -> Snapshot | None:
        """What is there now where no file came or went since the last look; None where one did after all."""
        stat_of = os.stat
        suspects = []
        for file in self._files.values():
            try:
                stat = stat_of(file.path)
            except OSError:
                return None
            if (
                stat.st_mtime_ns != file.mtime
                or stat.st_ctime_ns != file.ctime
                or stat.st_size != file.size
                or stat.st_ino != file.inode
                or not file.trusted
            ):
                suspects.append(file)
        changed: dict[str, Source] = {}
        for file in suspects:
            now = self._read(file.source.name, file.path, file.source.kind, known)
            if now is None:
                return None
            if now is not file.source:
                changed[now.name] = now
        return last.edited(changed) if changed else last

    def _read_all(self, known: Snapshot | None, last: Snapshot | None) -> Snapshot:
        """List what has to be listed again, look at every file, forget what is gone."""
        found: dict[str, Source] = {}
        before, self._folders_before = self._files, self._folders
        self._files, self._folders = {}, {}
        try:
            for name, path, kind in self._walk():
                if path in before:
                    self._files[path] = before[path]
                source = (
                    self._namespace(name, path, known) if kind == "namespace" else self._read(name, path, kind, known)
                )
                if source is not None:
                    found[name] = source
        finally:
            self._folders_before = {}
        _drop_empty_namespaces(found)
        if last is not None and found.keys() == last.sources.keys():
            changed = {name: source for name, source in found.items() if last.sources[name] is not source}
            if all(source.is_package == last.sources[name].is_package for name, source in changed.items()):
                return last.edited(changed) if changed else last
        return Snapshot(found, Layout(found))

    def _namespace(self, name: str, path: str, known: Snapshot | None) -> Source:
        same = _source_like(known, name, path, "namespace", digest_of(b""))
        return same or Source(name, path, "namespace", digest_of(b""), b"")

    def _read(self, name: str, path: str, kind: Kind, known: Snapshot | None) -> Source | None:
        """The source that a file holds now; None where it is not there any more."""
        before = self._files.get(path)
        if before is not None and (before.source.name != name or before.source.kind != kind):
            before = None
        # Before the file's times are read: whatever holds this thread up afterwards makes it no more to be trusted.
        now = time.time_ns()
        try:
            text, stat = _content(path, unless=before)
        except FileNotFoundError:
            self._files.pop(path, None)
            return None
        if text is None and before is not None:
            return before.source
        assert text is not None
        trusted = now - max(stat.st_mtime_ns, stat.st_ctime_ns) > RACY_NS
        digest = digest_of(text)
        source = _source_like(known, name, path, kind, digest)
        if source is None:
            if before is not None and before.source.digest == digest:
                source = before.source
            else:
                source = Source(name, path, kind, digest, b"" if kind == "extension" else text)
        self._files[path] = _File(path, source, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino, trusted)
        return source

    def _walk(self) -> Iterator[tuple[str, str, Kind]]:
        """The modules of the lab: (module name, path, kind)."""
        root = str(self.root)
        if os.path.isdir(root):
            yield from self._walk_folder(self.name, root, frozenset())
        else:
            yield self.name, root, "module"

    def _walk_folder(self, name: str, path: str, above: frozenset[str]) -> Iterator[tuple[str, str, Kind]]:
        """The modules of a package folder and of those below it. `above` stops loops of links."""
        folder = self._listed(path)
        if folder is None or folder.real in above:
            return
        above |= {folder.real}
        yield (name, folder.initial, "package") if folder.initial else (name, path, "namespace")
        packages = {stem for stem, below in folder.folders if (listed := self._listed(below)) and listed.initial}
        plain = {stem for stem, _path, _kind in folder.files}
        for stem, below in folder.folders:
            # As in plain Python: a package hides a module of its name, which hides a namespace package.
            if stem in packages or stem not in plain:
                yield from self._walk_folder(f"{name}.{stem}", below, above)
        for stem, file, kind in folder.files:
            if stem not in packages:
                yield f"{name}.{stem}", file, kind

    def _listed(self, path: str) -> _Folder | None:
        """A folder's listing, as it was where the folder did not change since; None if it isn't there."""
        folder = self._folders.get(path)
        if folder is not None:
            return folder
        try:
            stat = os.stat(path)
        except OSError:
            return None
        before = self._folders_before.get(path)
        if (
            before is not None
            and before.trusted
            and _FOLDER_TIMES_COUNT
            and before.times == (stat.st_mtime_ns, stat.st_ctime_ns)
            and before.inode == stat.st_ino
        ):
            folder = before
        else:
            folder = _list_folder(path, stat)
        if folder is not None:
            self._folders[path] = folder
        return folder


def _same(one: Snapshot, other: Snapshot) -> bool:
    if one.sources is other.sources:
        return True
    if one.layout is not other.layout and one.sources.keys() != other.sources.keys():
        return False
    return all(other.sources.get(name) is one.sources[name] for name in one.may_differ_from(other))


def _source_like(known: Snapshot | None, name: str, path: str, kind: Kind, digest: str) -> Source | None:
    """The known source that is the same in all that a module can tell."""
    source = known.sources.get(name) if known is not None else None
    if source is not None and source.is_like(digest, kind, path):
        return source
    return None


def _content(path: str, unless: _File | None) -> tuple[bytes | None, os.stat_result]:
    """The content of a file with its stat; no content where the stat is that of a file seen before."""
    descriptor = open_to_read(path)
    try:
        stat = os.fstat(descriptor)
        if (
            unless is not None
            and unless.trusted
            and (unless.mtime, unless.ctime) == (stat.st_mtime_ns, stat.st_ctime_ns)
            and (unless.size, unless.inode) == (stat.st_size, stat.st_ino)
        ):
            return None, stat
        return read_whole(descriptor, stat.st_size), stat
    finally:
        os.close(descriptor)


def _list_folder(path: str, stat: os.stat_result) -> _Folder | None:
    trusted = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > RACY_NS
    initial = None
    files: dict[str, tuple[str, str, Kind]] = {}
    folders = []
    try:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None  # a folder that can't be read holds no modules, for Python neither
    has_data = False
    for entry in listed:
        stem, _, _ = entry.name.partition(".")
        if not stem or stem == "__pycache__":
            continue
        if entry.is_symlink() and not os.path.exists(entry.path):
            trusted = False  # what it leads to can come without this folder's time moving
        if not entry.is_file():
            if entry.name == stem and stem.isidentifier() and entry.is_dir():
                folders.append((stem, entry.path))
            else:
                has_data = True  # perhaps: it is not looked into
        elif entry.name == "__init__.py":
            initial = entry.path
        elif entry.name == f"{stem}.py":
            files.setdefault(stem, (stem, entry.path, "module"))  # as in plain Python an extension module goes first
        elif entry.name in {stem + suffix for suffix in EXTENSION_SUFFIXES}:
            files[stem] = (stem, entry.path, "extension")
        else:
            has_data = has_data or is_data(entry.path)
    times = (stat.st_mtime_ns, stat.st_ctime_ns)
    real, links = os.path.realpath(path), any(entry.is_symlink() for entry in listed)
    return _Folder(path, real, times, stat.st_ino, trusted, links, has_data, initial, list(files.values()), folders)


def _drop_empty_namespaces(found: dict[str, Source]) -> None:
    """Folders without any module under them (data, notebooks) are no packages of the lab."""
    namespaces = [name for name, source in found.items() if source.kind == "namespace"]
    if not namespaces:
        return
    alive: set[str] = set()
    for name, source in found.items():
        if source.kind != "namespace":
            while name:
                alive.add(name)
                name = name.rpartition(".")[0]
    for name in namespaces:
        if name not in alive:
            del found[name]
