"""``hotlab.refresh()``: through the running lab's refresher where there is one, else just a reload."""

from __future__ import annotations

import os
import threading
from typing import Literal, overload

from hotlab.importing import Generation, Lab, ReloadRefused, executing_now, get_lab
from hotlab.importing.turns import Turn
from hotlab.refreshing.refresher import Refresher
from hotlab.refreshing.reports import Begun, RefreshReport, nothing_changed

_refreshers: dict[str, Refresher] = {}
_lock = threading.Lock()
_turn = Turn("a lab")


def use_refresher(refresher: Refresher | None, lab_name: str) -> None:
    """Let ``hotlab.refresh()`` of a lab go through a refresher (None: no more)."""
    with _lock:
        if refresher is None:
            _refreshers.pop(lab_name, None)
        else:
            _refreshers[lab_name] = refresher


def _begin_anew_in_child() -> None:
    """A forked child has neither the threads of its parent's refreshes, nor its devices: it just reloads."""
    global _lock
    _lock = threading.Lock()
    _turn.reset_in_child()
    _refreshers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)


@overload
def refresh(name: str | None = None, *, wait: Literal[True] = True, timeout: None = None) -> RefreshReport: ...
@overload
def refresh(name: str | None = None, *, wait: bool, timeout: float | None = None) -> RefreshReport | None: ...
@overload
def refresh(name: str | None = None, *, timeout: float) -> RefreshReport | None: ...
def refresh(name: str | None = None, *, wait: bool = True, timeout: float | None = None) -> RefreshReport | None:
    """Take in what was edited. In a running lab the whole sequence of ten steps, else (in a process that it forked,
    too) just a reload.

    Args:
        name: the lab; left out, the one whose code is calling, or the only one.
        wait: wait for the outcome; ``False`` returns None at once.
        timeout: seconds to wait at most in a running lab.

    Returns:
        The report: ``ok``, ``outcome`` (``done``, ``refused``, ``deferred``), ``changed``, ``reloaded``, ``error``,
        ``steps``, ``generation``.

    Raises:
        LabNotEnabled: no such lab.
        ReloadInProgress: called by code that the refresh would wait for: a module that is being imported, and in a
            running lab a task, a device's method, a participant's hook. ``wait=False`` is allowed there.
    """
    lab = get_lab(name)
    refresher = _refreshers.get(lab.name)
    if refresher is not None:
        return refresher.refresh("api", wait=wait, timeout=timeout)
    if not wait:
        threading.Thread(target=_reload, args=(lab,), name=f"hotlab-reload-{lab.name}", daemon=True).start()
        return None
    return _reload(lab)


def _reload(lab: Lab) -> RefreshReport:
    if lab.unchanged and not executing_now():
        return nothing_changed(lab)
    lab.refuse_from_within()
    with _turn:
        begun = Begun(lab, "api", lab.current)
        changed: tuple[str, ...] = ()
        notes: tuple[str, ...] = ()
        staged: Generation | None = None
        error: str | None = None
        try:
            plan = lab.plan()
            if plan is not None:
                changed, notes = plan.changed, plan.not_reloadable
                staged = lab.stage(plan)
                lab.commit(staged)
        except ReloadRefused as refused:
            changed, error = refused.changed, str(refused)
        return begun.report(
            ok=error is None,
            outcome="done" if error is None else "refused",
            changed=changed,
            reloaded=tuple(staged.executed) if staged is not None else (),
            error=error,
            failed_step=None if error is None else "stage",
            not_reloadable=notes,
        )
