"""What would keep an old generation in memory although nobody uses it.

Two things do so behind a lab's back: the caches of ``typing``, which hold the last 128 classes that were parameters
of each generic; and an exception that a module keeps from its import (``except ImportError as error: WHY = error``),
whose traceback leads over the frames of the import to the engine's own.
"""

from __future__ import annotations

import os
import typing
from collections import deque
from collections.abc import Callable, Iterable
from types import FrameType

_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def empty_typing_caches() -> None:
    """As CPython's own tests do; a subscription that is made again costs a microsecond."""
    cleanups: Iterable[Callable[[], None]] = getattr(typing, "_cleanups", ())
    for empty in cleanups:
        empty()


def engine_frames_behind(error: BaseException) -> Iterable[FrameType]:
    """The engine's frames over which an exception holds what the engine was doing."""
    trace = error.__traceback__
    while trace is not None:
        frame: FrameType | None = trace.tb_frame
        while frame is not None:
            if frame.f_code.co_filename.startswith(_ENGINE):
                yield frame
            frame = frame.f_back
        trace = trace.tb_next


def clear_finished(frames: deque[FrameType]) -> None:
    """Let the local variables of frames go; those that are running stay in the queue."""
    for _ in range(len(frames)):
        frame = frames.popleft()
        try:
            frame.clear()
        except RuntimeError:
            frames.append(frame)
