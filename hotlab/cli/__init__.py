"""The commands. Exit codes: 0 done, 1 refused or failed, 2 bad input, 3 deferred, 130 Ctrl-C.

`main` is what the `hotlab` script calls; it may be called from the main thread only.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name (default: this process's); return its exit code."""
    from hotlab.cli.group import run_group

    return run_group(arguments)
