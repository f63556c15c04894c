"""Where a generation's code comes from: the :class:`SourceTree` seam, and the tree on disk.

A :class:`Snapshot` is immutable and content-addressed: what changed is decided by digest, never by time. Stat data
only say where to look (time of modification and of inode change in ns, size, inode), and are not believed for files
younger than the clock of file systems is fine, so that an edit of equal size in the same instant is seen too.
A tree may be asked from one thread at a time; the engine does so under its reload lock.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Literal, Protocol

import attrs

from hotlab.importing.bytecode import load_code

Kind = Literal["module", "package", "namespace", "extension"]

# File systems stamp files from a clock that ticks every 1-10 ms: a file changed within this time before we read it
# may change again without its stat showing it. Git calls such entries "racily clean".
RACY_NS = 100_000_000
EXTENSION_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)


def digest_of(content: bytes) -> str:
    """The name of a content: 32 hexadecimal digits of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@attrs.define(eq=False)
class Source:
    """The source of one module. Two generations in which it is the same share this very object, text and code."""

    name: str
    path: str
    kind: Kind
    digest: str
    text: bytes = attrs.field(repr=False)
    _code: CodeType | None = attrs.field(default=None, repr=False)

    @property
    def is_package(self) -> bool:
        """Whether other modules can live under this one."""
        return self.kind in ("package", "namespace")

    @property
    def folder(self) -> str:
        """The folder of a package."""
        return self.path if self.kind == "namespace" else os.path.dirname(self.path)

    def code(self) -> CodeType:
        """The code object, compiled once for as long as any generation has this source.

        Raises:
            SyntaxError, ValueError, UnicodeDecodeError: what ``compile`` raises for a faulty text.
        """
        if self._code is None:
            self._code = load_code(self.text, self.path)
        return self._code


@attrs.frozen(eq=False)
class Snapshot:
    """The sources of a lab package at one moment, by module name, with the data files that modules depend on."""

    sources: Mapping[str, Source]
    data: Mapping[str, str | None] = attrs.field(factory=dict)

    def get(self, name: str) -> Source | None:
        """The source of a module, or None."""
        return self.sources.get(name)

    def digest(self) -> str:
        """The digest that names the generation made of this snapshot: equal if and only if the contents are."""
        total = hashlib.blake2b(digest_size=16)
        for name in sorted(self.sources):
            source = self.sources[name]
            total.update(f"{name}\0{source.kind}\0{source.digest}\n".encode())
        for path in sorted(self.data):
            total.update(f"{path}\0{self.data[path]}\n".encode())
        return total.hexdigest()

    def with_data(self, data: Mapping[str, str | None]) -> Snapshot:
        """The same sources with these digests of data files."""
        return attrs.evolve(self, data=dict(data))


class SourceTree(Protocol):
    """Where snapshots come from: the disk now, a store of published generations later."""

    def snapshot(self) -> Snapshot:
        """Look at everything and return what is there. Unchanged sources are the objects of the last snapshot."""


@attrs.frozen
class _Seen:
    stat: tuple[int, int, int, int]
    trusted: bool
    source: Source


@attrs.define(eq=False)
class DiskTree:
    """The lab package on disk: a folder (or one file), links into other folders followed."""

    name: str
    root: Path
    _seen: dict[str, _Seen] = attrs.field(factory=dict, repr=False)

    def snapshot(self) -> Snapshot:
        """See :meth:`SourceTree.snapshot`. Raises OSError where a file is there but can't be read."""
        seen: dict[str, _Seen] = {}
        found: dict[str, Source] = {}
        if self.root.is_dir():
            for name, path, kind in _walk(self.name, str(self.root), frozenset()):
                source = self._read(name, path, kind, seen)
                if source is not None:
                    found[name] = source
            _drop_empty_namespaces(found)
        else:
            source = self._read(self.name, str(self.root), "module", seen)
            if source is not None:
                found[self.name] = source
        self._seen = seen
        return Snapshot(found)

    def _read(self, name: str, path: str, kind: Kind, seen: dict[str, _Seen]) -> Source | None:
        if kind == "namespace":
            before = self._seen.get(path)
            if before is None or before.source.name != name:
                before = _Seen((0, 0, 0, 0), True, Source(name, path, kind, digest_of(b""), b""))
            seen[path] = before
            return before.source
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            return None
        key = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
        before = self._seen.get(path)
        same_place = before is not None and before.source.name == name and before.source.kind == kind
        if before is not None and same_place and before.trusted and before.stat == key:
            seen[path] = before
            return before.source
        trusted = time.time_ns() - max(key[0], key[1]) > RACY_NS
        try:
            text = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        digest = digest_of(text)
        if before is not None and same_place and before.source.digest == digest:
            source = before.source
        else:
            source = Source(name, path, kind, digest, b"" if kind == "extension" else text)
        seen[path] = _Seen(key, trusted, source)
        return source


def _walk(name: str, folder: str, above: frozenset[str]) -> Iterator[tuple[str, str, Kind]]:
    """The modules of a package folder: (module name, path, kind). `above` stops loops of links."""
    real = os.path.realpath(folder)
    if real in above:
        return
    above |= {real}
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    files: dict[str, tuple[str, Kind]] = {}
    folders: dict[str, str] = {}
    initial = None
    for entry in listed:
        stem, _, _ = entry.name.partition(".")
        if not stem.isidentifier() or stem == "__pycache__":
            continue
        if entry.name != stem and not entry.is_file():
            continue
        if entry.name == "__init__.py":
            initial = entry.path
        elif entry.name == f"{stem}.py":
            files[stem] = (entry.path, "module")
        elif entry.name == stem and entry.is_dir():
            folders[stem] = entry.path
        elif entry.name in {stem + suffix for suffix in EXTENSION_SUFFIXES}:
            files[stem] = (entry.path, "extension")
    yield (name, initial, "package") if initial else (name, folder, "namespace")
    for stem, path in folders.items():
        # As in plain Python: a package hides a module of its name, which hides a namespace package.
        if stem in files and not os.path.exists(os.path.join(path, "__init__.py")):
            continue
        files.pop(stem, None)
        yield from _walk(f"{name}.{stem}", path, above)
    for stem, (path, kind) in files.items():
        yield f"{name}.{stem}", path, kind


def _drop_empty_namespaces(found: dict[str, Source]) -> None:
    """Folders without any module under them (data, notebooks) are no packages of the lab."""
    alive: set[str] = set()
    for name, source in found.items():
        if source.kind != "namespace":
            while name:
                alive.add(name)
                name = name.rpartition(".")[0]
    for name in [n for n, source in found.items() if source.kind == "namespace" and n not in alive]:
        del found[name]
