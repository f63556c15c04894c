"""Carries out the commands that other processes leave in the store of a running lab.

One thread claims them; each is carried out on a thread of its own, so that a long refresh keeps no other waiting.
A command that fails ends with `ok: false` and one line in `error`; it never harms the lab.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from hotlab.importing import HotlabError
from hotlab.runtime.store import CommandRecord, Store

_log = logging.getLogger(__name__)
_CONCERNING = frozenset({"commands", "*"})

Handler = Callable[[CommandRecord], Mapping[str, Any]]


class CommandService:
    """Claims commands and calls the handler of their kind, which returns the outcome as JSON.

    Args:
        store: where the commands are.
        run_id: by whom they are claimed.
        handlers: by kind of command.
    """

    def __init__(self, store: Store, *, run_id: str, handlers: Mapping[str, Handler]) -> None:
        self._store = store
        self._run_id = run_id
        self._handlers = dict(handlers)
        self._work = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to claim, with what waits already."""
        self._unsubscribe = self._store.changes.subscribe(self._on_change)
        self._work.set()
        self._thread = threading.Thread(target=self._serve, name="hotlab-commands", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing any more; what is being carried out goes on."""
        self._closed = True
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._work.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _on_change(self, topics: frozenset[str]) -> None:
        if topics & _CONCERNING:
            self._work.set()

    def _serve(self) -> None:
        while not self._closed:
            self._work.wait()
            self._work.clear()
            try:
                while not self._closed:
                    command = self._store.commands.claim_next(self._run_id)
                    if command is None:
                        break
                    threading.Thread(
                        target=self._carry_out,
                        args=(command,),
                        name=f"hotlab-command-{command.kind}",
                        daemon=True,
                    ).start()
            except Exception:
                if not self._closed:
                    _log.exception("commands can't be read from the store; trying again")
                    self._work.wait(0.5)
                    self._work.set()

    def _carry_out(self, command: CommandRecord) -> None:
        try:
            outcome = self._outcome(command)
            self._store.commands.finish(command.id, outcome)
        except Exception:
            if not self._closed:
                _log.exception("the outcome of command %s can't be written", command.id)

    def _outcome(self, command: CommandRecord) -> Mapping[str, Any]:
        handler = self._handlers.get(command.kind)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return {
                "ok": False,
                "error": f"this lab knows no command {command.kind!r}; it knows {known}",
            }
        try:
            return {"ok": True, **handler(command)}
        except HotlabError as error:
            return {"ok": False, "error": str(error), "error_type": type(error).__name__}
        except (KeyError, TypeError, ValueError) as error:
            _log.debug("command %s (%s) failed", command.id, command.kind, exc_info=True)
            return {
                "ok": False,
                "error": f"the arguments of {command.kind} don't fit: {type(error).__name__}: {error}",
                "error_type": type(error).__name__,
            }
        except BaseException as error:
            _log.exception("command %s (%s) failed", command.id, command.kind)
            return {
                "ok": False,
                "error": f"{type(error).__name__}: {error}",
                "error_type": type(error).__name__,
            }
