"""Which lab module each thread is executing at this moment, and what it reads from its package meanwhile.

A façade asks here which generation the asking thread is making; ``add_device`` asks which module a definition belongs
to. Files and folders that a module reads while being imported are its dependencies: an audit hook sees them, and
returns at once unless some lab module is being executed. Python has no way to take such a hook out, and each event of
the process costs a microsecond from then on (``id()`` is one): it is added for labs only that may read anything.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterable
from types import CodeType
from typing import TYPE_CHECKING

from hotlab.importing.sources import digest_of

if TYPE_CHECKING:
    from hotlab.importing.generations import Generation
    from hotlab.importing.labs import Lab
    from hotlab.importing.records import ModuleRecord


class _Stack(threading.local):
    def __init__(self) -> None:
        self.frames: list[tuple[Generation, ModuleRecord]] = []
        self.digesting = False


_stack = _Stack()
_watches_reads = False
_OWN_PLACE = re.compile(rb"__(?:file|path|spec|loader|package)__")
_WAYS_TO_FILES = ("pkgutil", "inspect", "importlib.resources", "importlib_resources", "pkg_resources")
_READS = frozenset({"open", "os.listdir", "os.scandir"})
# Stands for the digest of a file that the module itself has written: state of its own, on which it does not depend.
WRITTEN = "(written)"
_CODE_SUFFIXES = (".py", ".pyc", ".pyi", ".so", ".pyd")


def top() -> tuple[Generation, ModuleRecord] | None:
    """The innermost lab module that this thread is executing, with the generation it is executed for."""
    frames = _stack.frames
    return frames[-1] if frames else None


def under_way() -> list[tuple[Generation, ModuleRecord]]:
    """The lab modules that this thread is executing, outermost first, each with the generation it is executed for."""
    return _stack.frames


def innermost_of(lab: Lab) -> Generation | None:
    """The generation of a lab that this thread is making, also where another lab's import came in between."""
    for generation, _record in reversed(_stack.frames):
        if generation.lab is lab:
            return generation
    return None


def execute(code: CodeType, generation: Generation, record: ModuleRecord) -> None:
    """Execute code in a record's namespace. Meanwhile this thread makes the record's module for the generation."""
    frames = _stack.frames
    frames.append((generation, record))
    try:
        exec(code, record.namespace)
    finally:
        frames.pop()


# The frames of this function in a thread's stack say that it is importing a module of a lab.
EXECUTES = execute.__code__


def watches_reads() -> bool:
    """Whether it is seen what modules read while they are imported."""
    return _watches_reads


def watch_reads() -> None:
    """See from here on what modules read while they are imported."""
    global _watches_reads
    if not _watches_reads:
        _watches_reads = True
        sys.addaudithook(_on_audit)


def may_read(text: bytes, lab: str) -> bool:
    """Whether a source has any word by which code finds the files of its package, its name at the front of a path."""
    name = lab.encode()
    paths = (name + b"/", b'"' + name + b'"', b"'" + name + b"'")
    return _OWN_PLACE.search(text) is not None or any(path in text for path in paths)


def is_found() -> None:
    """Somebody asks where a lab module is, to read beside it, perhaps: on behalf of one that is being executed?"""
    if _stack.frames:
        watch_reads()


def imports(library: str, taken: Iterable[str] | None = ()) -> None:
    """Lab code imports a library, and names from it: one, perhaps, that finds a package's files by its name."""
    if any(name.startswith(_WAYS_TO_FILES) for name in (library, *(f"{library}.{each}" for each in taken or ()))):
        watch_reads()


def _on_audit(event: str, args: tuple[object, ...]) -> None:
    if event not in _READS:
        return
    frames = _stack.frames
    if not frames or _stack.digesting or not args or not isinstance(args[0], (str, os.PathLike)):
        return
    generation, record = frames[-1]
    path = os.path.abspath(os.fspath(args[0]))
    if not f"{path}{os.sep}".startswith(generation.lab.root_prefixes):
        return
    _stack.digesting = True
    try:
        # Digested now, not later: an edit that comes while the module goes on is one that it has not seen.
        if event != "open":
            if os.path.basename(path) == "__pycache__":
                return  # pkgutil looks into each folder, and byte code comes and goes
            record.listings = record.listings or {}
            record.listings.setdefault(path, listing_digest(path))
            generation.lab.reading.add(record.name)
        elif path.endswith(".py"):
            _note_source(generation, record, path)
        elif is_data(path):
            record.reads = record.reads or {}
            generation.lab.reading.add(record.name)
            if not _for_reading(args):
                record.reads[path] = WRITTEN
            elif path not in record.reads:
                record.reads[path] = file_digest(path)
    finally:
        _stack.digesting = False


def _note_source(generation: Generation, record: ModuleRecord, path: str) -> None:
    """A module reads the text of another while being executed."""
    lab = generation.lab
    relative = os.path.relpath(path, lab.root)[: -len(".py")].split(os.sep)
    name = ".".join([lab.name, *(relative[:-1] if relative[-1] == "__init__" else relative)])
    if name != record.name and name in generation.snapshot.sources:
        record.note_need(name)


def _for_reading(args: tuple[object, ...]) -> bool:
    mode = args[1] if len(args) > 1 else None
    flags = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
    return not (isinstance(mode, str) and set(mode) & set("wax+")) and not flags & (os.O_WRONLY | os.O_RDWR)


def is_data(path: str) -> bool:
    """Whether a file of the package is data: no code, no cache, no hidden file."""
    name = os.path.basename(path)
    return not (name.startswith(".") or name.endswith(_CODE_SUFFIXES) or ".pyc." in name or "__pycache__" in path)


def file_digest(path: str) -> str | None:
    """The digest of a data file; None if it isn't there (or is no file: reading a pipe would wait)."""
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return digest_of(file.read())
    except OSError:
        return None


def listing_digest(path: str) -> str | None:
    """The digest of the names in a folder that may be modules or data; None if it isn't there."""
    try:
        names = sorted(name for name in os.listdir(path) if not name.startswith((".", "#")) and name != "__pycache__")
    except OSError:
        return None
    return digest_of("\0".join(name for name in names if not name.endswith(("~", ".pyc"))).encode())
