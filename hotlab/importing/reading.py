"""Files read whole with the fewest system calls: a lab's start reads two for each module."""

from __future__ import annotations

import os

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_to_read(path: str) -> int:
    """A file descriptor, to be closed by the caller. Raises OSError."""
    return os.open(path, _FLAGS)


def read_whole(descriptor: int, size: int) -> bytes:
    """The content of an open file of that size; less where the file is shorter by now. Raises OSError."""
    content = os.read(descriptor, size + 1)
    while len(content) < size:  # a signal may cut a read short
        part = os.read(descriptor, size - len(content))
        if not part:
            break
        content += part
    return content
