"""Faults of lab code as text: the error, and the traceback trimmed to the lab's own frames."""

from __future__ import annotations

import os
import traceback
from pathlib import Path


def lab_frames(error: BaseException, *roots: Path) -> str:
    """The traceback of an exception as Python prints it, but with the frames of lab code only.

    Args:
        error: the exception.
        roots: folders of lab packages.
    """
    prefixes = tuple(str(root) + os.sep if root.is_dir() else str(root) for root in roots)
    summary = traceback.TracebackException.from_exception(error)
    summary.stack = traceback.StackSummary.from_list(
        [frame for frame in summary.stack if frame.filename.startswith(prefixes)]
    )
    summary.__cause__ = summary.__context__ = None
    return "".join(summary.format()).rstrip()


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
