"""One refresh under way, as its participants see it, and how their hooks are called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pluggy
from pluggy import HookImpl

from hotlab.importing import Generation, HotlabError
from hotlab.refreshing.limits import RefreshLimits
from hotlab.refreshing.waiting import waited_for


class StepFailed(HotlabError):
    """A participant failed in a step.

    Attributes:
        step: name of the step.
        participant: name under which the participant is registered.
    """

    def __init__(self, step: str, participant: str, why: str) -> None:
        super().__init__(f"{step}: {participant}: {why}")
        self.step = step
        self.participant = participant


@attrs.define(eq=False)
class Refresh:
    """One refresh under way.

    Attributes:
        id: its name, unique for ever.
        trigger: what asked for it: ``watcher``, ``command``, ``api`` or ``retry``.
        old: the device generation before it.
        new: the generation the devices are to belong to; None until it is staged.
        changed: names of the modules that were edited.
        reloaded: names of the modules that were executed.
        limits: the time limits.
    """

    id: str
    trigger: str
    old: Generation
    new: Generation | None
    changed: tuple[str, ...] = ()
    reloaded: tuple[str, ...] = ()
    limits: RefreshLimits = attrs.field(factory=RefreshLimits)
    _woken: threading.Event = attrs.field(factory=threading.Event, repr=False)

    def deadline(self, step: str) -> float:
        """When a step that begins now must be over, on the clock of :func:`time.monotonic`."""
        return time.monotonic() + self.limits.of(step)

    def wake(self) -> None:
        """Let the drain look again at once: a task has ended, a device was given back. Any thread may call it."""
        self._woken.set()

    def wait_woken(self, seconds: float) -> None:
        """Wait until :meth:`wake` was called, at most so many seconds."""
        self._woken.wait(seconds)
        self._woken.clear()


def implementations(manager: pluggy.PluginManager, hook: str) -> list[HookImpl]:
    """The implementations of a hook in calling order: registered last, called first, as pluggy calls them."""
    found: list[HookImpl] = getattr(manager.hook, hook).get_hookimpls()
    return [impl for impl in reversed(found) if not (impl.hookwrapper or impl.wrapper)]


def call_within(limit: float, name: str, function: Callable[[], Any]) -> Any:
    """Call on a daemon thread and wait for it at most `limit` seconds.

    Raises:
        TimeoutError: the call goes on, abandoned. Anything the call raised, ``SystemExit`` included.
    """
    outcome: list[Any] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            with waited_for(f"the participant's hook {name}"):
                outcome.append(function())
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run, name=f"hotlab-{name}", daemon=True)
    thread.start()
    thread.join(limit)
    if faults:
        raise faults[0]
    if not outcome:
        raise TimeoutError(f"not done within {limit:g} s; the call was abandoned (thread {thread.name})")
    return outcome[0]


def call_hook(impl: HookImpl, step: str, limit: float, arguments: dict[str, Any]) -> Any:
    """Call one participant's hook within a time limit.

    Raises:
        StepFailed: it raised, or took too long.
    """
    chosen = {name: arguments[name] for name in impl.argnames}
    try:
        return call_within(limit, f"{step}-{impl.plugin_name}", lambda: impl.function(**chosen))
    except BaseException as error:
        why = str(error) if isinstance(error, HotlabError) else f"{type(error).__name__}: {error}"
        raise StepFailed(step, impl.plugin_name, why) from error
