"""The watcher: one thread that says which paths changed, once they have come to rest.

It owns its thread and the library's file-system watches, from :meth:`Watcher.start` to
:meth:`Watcher.stop`. It guarantees that every edit after ``start()`` has returned is followed by a
call of ``on_change``, that an atomic save or a burst is one call, and that it never goes blind in
silence: a watched folder that is replaced is watched anew, and a thread that dies says so.

It does not promise that a told path differs in content, or still exists: a touch is told as well.
Reading a file is not. ``start`` and ``stop`` may be called from any thread; ``on_change`` and
``on_error`` are called on the watcher's thread, and while ``on_change`` runs, changes gather.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hotlab.watching.errors import WatchingError
from hotlab.watching.places import Places, find_places

if TYPE_CHECKING:
    from watchfiles import Change
    from watchfiles.main import FileChange

logger = logging.getLogger(__name__)

STEP = 0.010
"""How often the library looks whether events have come: a change is noticed within two steps."""

CHECK_EVERY = 0.25
"""How often it is checked that the watched paths still lead to what is watched."""

START_TIMEOUT = 15.0

STOP_AT_EXIT = 1.0


class Watcher:
    """Calls ``on_change`` with the paths that changed, when nothing has changed for ``settle``.

    Args:
        paths: folders, watched with all that is in them, or single files. Each must exist when
            the watcher is started.
        on_change: called with the changed paths, as absolute paths spelled as ``paths`` are. What
            it raises is logged, and watching goes on.
        on_error: called once if watching ends by itself after it has begun.
        settle: seconds of quiet after which changes count as finished.
        max_wait: seconds after which changes are told even though there was no such quiet.
        ignored: files and folders that are not watched, beside those that never are (caches,
            version control, dot files, editor temporaries): where the lab writes, for one.
        name: of the thread, and in log lines.
    """

    def __init__(
        self,
        paths: Iterable[Path | str],
        *,
        on_change: Callable[[frozenset[Path]], None],
        on_error: Callable[[WatchingError], None] | None = None,
        settle: float = 0.05,
        max_wait: float = 2.0,
        ignored: Iterable[Path | str] = (),
        name: str = "hotlab-watcher",
    ) -> None:
        self._roots = tuple(dict.fromkeys(os.path.abspath(path) for path in paths))
        if not self._roots:
            raise WatchingError(f"{name}: there is nothing to watch; give at least one path")
        if not 0 < settle <= max_wait:
            raise WatchingError(
                f"{name}: settle is {settle} s and max_wait {max_wait} s; both must be more than 0,"
                " and settle not more than max_wait"
            )
        self.name = name
        self._on_change = on_change
        self._on_error = on_error
        self._settle = settle
        self._max_wait = max_wait
        self._ignored = tuple(Path(os.path.abspath(path)) for path in ignored)
        self._lock = threading.Lock()
        """Guards the next two: a start and a stop never interleave."""
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        # Below: the watcher thread's own.
        self._pending: set[Path] = set()
        self._first = 0.0
        self._last = 0.0

    @property
    def alive(self) -> bool:
        """Whether edits are being watched at this moment."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        """Begin to watch; returns when every later edit will be seen.

        Raises:
            WatchingError: a path doesn't exist, it is started already, or the system refuses.
        """
        with self._lock:
            if self.alive:
                raise WatchingError(f"{self.name}: already started; stop() it first")
            self._check_paths()
            self._pending.clear()
            stop, begun = threading.Event(), _Begun()
            thread = threading.Thread(target=self._run, args=(stop, begun), name=self.name, daemon=True)
            thread.start()
            in_time = begun.event.wait(START_TIMEOUT)
            if begun.error is not None or not in_time:
                stop.set()
                raise self._cannot_begin(begun.error)
            self._stop, self._thread = stop, thread
            # A daemon thread inside native code must not outlive the interpreter.
            atexit.register(self.stop, STOP_AT_EXIT)

    def stop(self, timeout: float = 5.0) -> bool:
        """End watching; whether the thread has ended in time. Changes not yet told are dropped.

        Harmless when not started, and from within ``on_change`` (then it ends after that call).
        """
        with self._lock:
            thread, stop = self._thread, self._stop
        stop.set()
        atexit.unregister(self.stop)
        if thread is None or thread is threading.current_thread():
            return thread is None
        thread.join(timeout)
        if thread.is_alive():
            logger.warning(
                "%s: did not stop within %s s: it is still inside its on_change call, and ends after it",
                self.name,
                timeout,
            )
            return False
        return True

    def _check_paths(self) -> None:
        absent = [root for root in self._roots if not os.path.exists(root)]
        if absent:
            raise WatchingError(
                f"{self.name}: can't watch {', '.join(map(repr, absent))}: no such file or folder;"
                " check the path, or make it first"
            )

    def _cannot_begin(self, cause: BaseException | None) -> WatchingError:
        reason = f"{type(cause).__name__}: {cause}" if cause else f"no answer in {START_TIMEOUT} s"
        error = WatchingError(
            f"{self.name}: can't watch {', '.join(map(repr, self._roots))} ({reason}); edits will"
            " not be seen. If a limit is named, raise fs.inotify.max_user_watches or"
            " fs.inotify.max_user_instances, or set WATCHFILES_FORCE_POLLING=1"
        )
        error.__cause__ = cause
        return error

    def _run(self, stop: threading.Event, begun: _Begun) -> None:
        """The thread: watch, and watch anew whenever a place has moved."""
        try:
            moved: tuple[str, ...] = ()
            while not stop.is_set():
                moved = self._watch(find_places(self._roots), moved, stop, begun)
        except BaseException as error:
            logger.debug("%s: the thread ends", self.name, exc_info=True)
            if not begun.event.is_set():
                begun.error = error
            elif not stop.is_set():
                self._say_it_died(error)
        finally:
            begun.event.set()

    def _watch(self, places: Places, moved: Iterable[str], stop: threading.Event, begun: _Begun) -> tuple[str, ...]:
        """Watch these places until stopped or until one has moved; the names of those that have.

        ``moved`` are those that had moved before: what was edited in them while nobody watched is
        told by telling them.
        """
        for root in places.missing():
            logger.warning("%s: %r is gone; it is watched again when it is back", self.name, root)
        last_check = time.monotonic()
        with contextlib.closing(self._batches(places, stop)) as batches:
            for changes in batches:
                if not begun.event.is_set():
                    begun.event.set()
                now = time.monotonic()
                told = {name for _, path in changes if (name := self._told_name(places, path))}
                told.update(map(Path, moved))
                moved = ()
                if told:
                    if not self._pending:
                        self._first = now
                    self._pending |= told
                    self._last = now
                self._tell_if_settled(now)
                if told or now - last_check >= CHECK_EVERY:
                    last_check = now
                    if gone := self._what_moved(places, told):
                        return gone
        return ()

    def _batches(self, places: Places, stop: threading.Event) -> Generator[set[FileChange], None, None]:
        """What the library reports, and an empty set at every step without a report."""
        if not places.watched:
            while not stop.wait(STEP):
                yield set()
            return
        from watchfiles import watch

        step = int(STEP * 1000)

        def is_wanted(change: Change, path: str) -> bool:
            # While changes wait to be told, noise counts too: else it would hold up the clock.
            return bool(self._pending) or self._told_name(places, path) is not None

        yield from watch(
            *places.watched,
            watch_filter=is_wanted,
            step=step,
            debounce=10 * step,
            rust_timeout=step,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )

    def _told_name(self, places: Places, path: str) -> Path | None:
        name = places.told_name(path)
        if name is None or any(name == each or each in name.parents for each in self._ignored):
            return None
        return name

    def _what_moved(self, places: Places, told: Iterable[Path]) -> tuple[str, ...]:
        """Names of the places that must be watched anew."""
        moved = places.moved()
        if moved or not any(places.concerns_links(path) for path in told):
            return moved
        found = find_places(self._roots)
        both = {**places.watched, **found.watched}
        return tuple(both[path] for path in places.watched.keys() ^ found.watched.keys())

    def _tell_if_settled(self, now: float) -> None:
        if not self._pending:
            return
        if now - self._last < self._settle and now - self._first < self._max_wait:
            return
        changed = frozenset(self._pending)
        self._pending.clear()
        try:
            self._on_change(changed)
        except BaseException:
            logger.exception(
                "%s: on_change failed for %s; watching goes on, the next edit is told again",
                self.name,
                _listing(changed),
            )

    def _say_it_died(self, cause: BaseException) -> None:
        error = WatchingError(
            f"{self.name}: watching {', '.join(map(repr, self._roots))} has ended"
            f" ({type(cause).__name__}: {cause}); edits are not seen any more: start it again, or"
            " refresh by hand"
        )
        error.__cause__ = cause
        logger.error("%s", error, exc_info=cause)
        if self._on_error is not None:
            try:
                self._on_error(error)
            except BaseException:
                logger.exception("%s: on_error failed", self.name)


class _Begun:
    """How a thread tells the one that started it that it watches, or why it can't."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.error: BaseException | None = None


def _listing(paths: frozenset[Path], most: int = 5) -> str:
    """A few of the paths, for a log line."""
    first = ", ".join(str(path) for path in sorted(paths)[:most])
    return first if len(paths) <= most else f"{first} and {len(paths) - most} more"
