"""A file lock that says: one process at a time runs a lab on this store.

The operating system holds it, so that it is free the moment the process dies, however it dies. The file stays; who
holds it writes its process id there, for the message to whom is refused.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hotlab.runtime.errors import LabAlreadyRunning


class LabLock:
    """The lock beside a store. Not re-entrant; `release` may be called from any thread."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LabAlreadyRunning: another process (or another running lab of this one) has it.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError:
            # Byte 0 is the locked one, which Windows would not let us read.
            os.lseek(descriptor, 1, os.SEEK_SET)
            holder = os.read(descriptor, 100).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise LabAlreadyRunning(
                f"a lab is running on this store already (process {holder}, lock {self.file}): stop it first, or "
                "give this one another working_dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f" {os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go; harmless if it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


# flock, not lockf: a POSIX record lock would be lost when anything in this process closes the file, and would not
# keep a second running lab of the same process out.
if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
