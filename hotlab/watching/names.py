"""Which names are never an edit: caches, version control, and what editors leave for a moment.

Pure functions, callable from any thread. Only the part of a path *below* the watched folder is
judged: a lab that lives in ``~/.labs/bench`` is not hidden by where it lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FOLDERS = frozenset({"__pycache__", "CVS", "_darcs"})

_COMPILED = (".pyc", ".pyo")

# A store in the lab's folder is written all the time, by the lab itself.
_DATABASE_COMPANIONS = ("-wal", "-shm", "-journal")

_EDITOR_LEFTOVERS = re.compile(
    r"""
      .*~                       # backups of vim, emacs, nano, gedit
    | \#.*\#                    # emacs: what was not saved yet
    | .*\.sw[a-px]              # vim: swap files
    | .*___jb_(?:tmp|old|bak)___  # JetBrains: safe write
    | sed[A-Za-z0-9]{6}         # sed -i: the copy that becomes the file
    """,
    re.VERBOSE | re.DOTALL,
)


def is_ignored(parts: Iterable[str]) -> bool:
    """Whether a path, given by its parts below the watched folder, is never an edit."""
    return any(is_ignored_name(part) for part in parts)


def is_ignored_name(name: str) -> bool:
    """Whether a file or folder of this name is never an edit, nor anything in it.

    Names with a leading dot are: ``.git`` and its like, vim's ``.x.swp``, emacs' ``.#x`` links.
    """
    return (
        name.startswith(".")
        or name in _FOLDERS
        or name.endswith(_COMPILED)
        or name.endswith(_DATABASE_COMPANIONS)
        or _EDITOR_LEFTOVERS.fullmatch(name) is not None
        or _is_vim_probe(name)
    )


def _is_vim_probe(name: str) -> bool:
    """vim tries whether it may write in a folder: 4913; is that taken, 123 more, and so on."""
    if not (name.isascii() and name.isdigit() and 4 <= len(name) <= 5):
        return False
    return int(name) >= 4913 and (int(name) - 4913) % 123 == 0
