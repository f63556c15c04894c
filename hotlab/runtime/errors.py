"""What can go wrong with a running lab, its tasks and their requests. Light: lab code may import it."""

from __future__ import annotations

from hotlab.importing.errors import HotlabError


class LabImportError(HotlabError):
    """The lab package can't be imported: the message says which file and line is at fault.

    Attributes:
        details: the traceback of the lab's own frames.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class LabAlreadyRunning(HotlabError):
    """Another process runs a lab on this store."""


class LabNotStarted(HotlabError):
    """A running lab was asked for something before it was started, or after it was stopped."""


class UnknownTask(HotlabError):
    """There is no task of that id, or no kind of task of that name."""


class ResourceRequestError(HotlabError):
    """A request for resources is malformed, or can never be met by this lab; the message says why."""


class ResourceTimeout(HotlabError):
    """The resources asked for were not free within the time given."""


class TaskCancelled(BaseException):
    """Raised inside a task that somebody cancelled, or that the lab asks to end because it stops.

    No Exception, so that ``except Exception`` in a task does not keep it alive. Raised once for each time it was
    asked: a ``finally`` may still talk to the task's devices.
    """
