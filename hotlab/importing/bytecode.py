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
from types import CodeType

_CHECKED_HASH = (0b11).to_bytes(4, "little")
_HEADER = 16


def load_code(text: bytes, path: str) -> CodeType:
    """The code object for a text that was read from a path.

    Raises:
        SyntaxError, ValueError, UnicodeDecodeError: what ``compile`` raises for a faulty text.
    """
    header = importlib.util.MAGIC_NUMBER + _CHECKED_HASH + importlib.util.source_hash(text)
    cached = _cache_path(path)
    if cached is not None:
        code = _read(cached, header)
        if code is not None and code.co_filename == path:
            return code
    made: CodeType = compile(text, path, "exec", dont_inherit=True)
    if cached is not None and not sys.dont_write_bytecode:
        _write(cached, header + marshal.dumps(made))
    return made


def _cache_path(path: str) -> str | None:
    try:
        return importlib.util.cache_from_source(path)
    except NotImplementedError:
        return None


def _read(cached: str, header: bytes) -> CodeType | None:
    try:
        with open(cached, "rb") as file:
            content = file.read()
        if content[:_HEADER] != header:
            return None
        code = marshal.loads(memoryview(content)[_HEADER:])
    except (OSError, ValueError, EOFError, TypeError):
        return None
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
