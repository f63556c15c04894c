"""Old tasks: code of a generation that somebody keeps, and asks again after later reloads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from tests.importing.model.trees import Import

WAIT = 30.0


@attrs.define(eq=False)
class OldTask:
    """Something alive that holds code of the generation in which it was started.

    Attributes:
        what: how a failure names it.
        generation: the number of its generation.
        right: the answers that its own generation gives.
        ask: asks it, and says whether it can be asked again.
    """

    what: str
    generation: int
    right: tuple[object, ...]
    ask: Callable[[], tuple[object, bool]]
    close: Callable[[], None] = lambda: None


def start_task(
    what: str, each: Import, namespace: Mapping[str, Any], number: int, right: tuple[object, ...]
) -> OldTask:
    """Start what the holder says: keep a function or a bound method, suspend a generator, let a thread wait."""
    if each.holder == "generator" and f"_stream{each.number}" in namespace:
        return OldTask(what, number, right, _generator(namespace[f"_stream{each.number}"]))
    if each.holder == "thread" and f"_wait{each.number}" in namespace:
        return _thread(what, namespace[f"_wait{each.number}"], number, right)
    return OldTask(what, number, right, _function(namespace[f"_late{each.number}"]))


def _function(function: Callable[[], object]) -> Callable[[], tuple[object, bool]]:
    def ask() -> tuple[object, bool]:
        try:
            return function(), True
        except BaseException as error:
            return f"error {type(error).__name__}", True

    return ask


def _generator(function: Callable[[], Any]) -> Callable[[], tuple[object, bool]]:
    suspended = function()
    next(suspended)

    def ask() -> tuple[object, bool]:
        try:
            return next(suspended), True
        except BaseException as error:
            return f"error {type(error).__name__}", False

    return ask


def _thread(what: str, function: Callable[..., None], number: int, right: tuple[object, ...]) -> OldTask:
    event = threading.Event()
    answers: list[object] = []
    thread = threading.Thread(target=function, args=(event, answers), name=what, daemon=True)
    thread.start()

    def ask() -> tuple[object, bool]:
        close()
        return (answers[0] if answers else "no answer"), False

    def close() -> None:
        event.set()
        thread.join(WAIT)
        if thread.is_alive():
            raise TimeoutError(f"{what} does not end")

    return OldTask(what, number, right, ask, close)
