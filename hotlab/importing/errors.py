"""The errors of hotlab, all descending from :class:`HotlabError`.

Misuse of the API raises one of these with a message that says what to do. A fault in lab code never does: it
ends up in a report, with the traceback trimmed to the lab's own frames.
"""

from __future__ import annotations


class HotlabError(Exception):
    """Base of everything that hotlab raises on purpose."""


class LabNotEnabled(HotlabError):
    """No lab package (of that name) is enabled in this process."""


class LabNotFoundOnPath(HotlabError):
    """The package that was to be enabled can't be found."""


class NotInLabCode(HotlabError):
    """A definition was registered from code that belongs to no lab package."""


class ReloadInProgress(HotlabError):
    """A reload was asked for by code that a reload is executing at this moment."""


class ReloadRefused(HotlabError):
    """An edit can't become a generation: the lab goes on with the generation it has.

    Attributes:
        module: name of the lab module in which the fault showed, if known.
        changed: names of the modules whose source differs from the current generation.
        cause: the exception of the lab code.
        digest: names the sources that were refused; None where they could not be read.
    """

    def __init__(
        self,
        message: str,
        *,
        module: str | None = None,
        changed: tuple[str, ...] = (),
        cause: BaseException | None = None,
        digest: str | None = None,
    ) -> None:
        super().__init__(message)
        self.module = module
        self.digest = digest
        self.changed = changed
        self.cause = cause
