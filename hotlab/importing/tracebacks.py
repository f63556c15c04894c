"""Faults of lab code as text: the error, and the traceback trimmed to the lab's own frames."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

# Past a __setattr__ that an exception of lab code may have.
_members: Any = vars(BaseException)
_cause, _context, _suppress_context = (_members[f"__{name}__"] for name in ("cause", "context", "suppress_context"))


def lab_frames(error: BaseException, *roots: Path) -> str:
    """The traceback of an exception as Python prints it, but with the frames of lab code only.

    Args:
        error: the exception.
        roots: folders of lab packages.
    """
    prefixes = tuple(str(root) + os.sep if root.is_dir() else str(root) for root in roots)
    summary = _summary_of(error)
    summary.stack = traceback.StackSummary.from_list(
        [frame for frame in summary.stack if frame.filename.startswith(prefixes)]
    )
    return "".join(summary.format()).rstrip()


def _summary_of(error: BaseException) -> traceback.TracebackException:
    """What Python would print of an exception alone.

    From 3.12 on Python imports the module that an ImportError names, to suggest another name: for the error itself and
    for those it came from. That would execute lab modules that nobody asked for.
    """
    kept = error.__cause__, error.__context__, error.__suppress_context__
    _cause.__set__(error, None)
    _context.__set__(error, None)
    try:
        if not isinstance(error, ImportError):
            return traceback.TracebackException.from_exception(error)
        told = ImportError(text_of(error))
        notes = getattr(error, "__notes__", None)
        if notes:
            vars(told)["__notes__"] = notes
        return traceback.TracebackException(type(error), told, error.__traceback__)
    finally:
        _cause.__set__(error, kept[0])
        _context.__set__(error, kept[1])
        _suppress_context.__set__(error, kept[2])


def place_of(error: BaseException, *roots: Path) -> str | None:
    """``file:line`` of the innermost lab frame, or of the faulty text of a SyntaxError; None if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    prefixes = tuple(str(root) for root in roots)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(prefixes)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def text_of(error: BaseException) -> str:
    """``str(error)``, whatever an exception of lab code does when it is asked."""
    try:
        return str(error)
    except BaseException as second:
        return f"(its text can't be had: {type(second).__name__})"


def describe_fault(error: BaseException, root: Path) -> str:
    """One line saying what is wrong and where, then the lab's own frames."""
    place = place_of(error, root)
    what = error.msg if isinstance(error, SyntaxError) else text_of(error)
    line = f"{type(error).__name__}: {what}" if what else type(error).__name__
    head = f"{line} ({place})" if place else line
    return head if isinstance(error, SyntaxError) else f"{head}\n{lab_frames(error, root)}"
