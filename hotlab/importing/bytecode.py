"""Code objects from source text, cached in ``__pycache__`` by content.

The cache files are PEP 552 hash-based ones, which plain Python reads as well. Only such a file whose hash is that of
the text in hand is used, so a stale ``.pyc`` is never run: time stamps, which can't tell two saves of one size within
a second apart, play no part.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import sys
from importlib import _bootstrap_external
from types import CodeType
from typing import Any

from hotlab.importing.reading import open_to_read, read_whole

_CHECKED_HASH = (0b11).to_bytes(4, "little")
_HEADER = 16
_private: Any = _bootstrap_external


def load_code(text: bytes, path: str) -> CodeType:
    """The code object for a text that was read from a path.

    Raises:
        SyntaxError, ValueError, UnicodeDecodeError: what ``compile`` raises for a faulty text.
    """
    header = importlib.util.MAGIC_NUMBER + _CHECKED_HASH + importlib.util.source_hash(text)
    cached = cache_path(path)
    if cached is not None:
        code = _read(cached, header)
        if code is not None:
            if code.co_filename != path:
                rename(code, path)
            return code
    made = compile_code(text, path)
    if cached is not None and not sys.dont_write_bytecode:
        _write(cached, header + marshal.dumps(made))
    return made


def compile_code(text: bytes, path: str) -> CodeType:
    """The code object for a text, with no look at the cache. Raises as :func:`load_code`."""
    code: CodeType = compile(text, path, "exec", dont_inherit=True)
    return code


def rename(code: CodeType, path: str) -> None:
    """Give a code object, and all nested in it, another file name in place: running frames show it too.

    importlib does the same to a ``.pyc`` that was moved.
    """
    _private._imp._fix_co_filename(code, path)


def _suffix_of_caches() -> str | None:
    """What follows the stem in the name of a cache file, such as ``.cpython-312.pyc``; None where there are none."""
    try:
        sample = importlib.util.cache_from_source(os.path.join("folder", "stem.py"))
    except NotImplementedError:
        return None
    return os.path.basename(sample)[len("stem") :]


_SUFFIX = _suffix_of_caches()


def cache_path(path: str) -> str | None:
    """Where Python caches the code of a source file; None where it doesn't."""
    if _SUFFIX is None:
        return None
    folder, name = os.path.split(path)
    if sys.pycache_prefix is not None or not name.endswith(".py") or name.count(".") != 1:
        return importlib.util.cache_from_source(path)
    return f"{folder}{os.sep}__pycache__{os.sep}{name[:-3]}{_SUFFIX}"


def _read(cached: str, header: bytes) -> CodeType | None:
    try:
        descriptor = open_to_read(cached)
    except OSError:
        return None
    try:
        content = read_whole(descriptor, os.fstat(descriptor).st_size)
        if content[:_HEADER] != header:
            return None
        code = marshal.loads(memoryview(content)[_HEADER:])
    except (OSError, ValueError, EOFError, TypeError):
        return None
    finally:
        os.close(descriptor)
    return code if isinstance(code, CodeType) else None


def _write(cached: str, content: bytes) -> None:
    """Written aside and renamed, so that no reader meets half a file; a cache that can't be written is no fault."""
    aside = f"{cached}.{os.getpid()}.{id(content)}"
    try:
        os.makedirs(os.path.dirname(cached), exist_ok=True)
        with open(aside, "xb") as file:
            file.write(content)
        os.replace(aside, cached)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(aside)
