"""Libraries with registries of their own, which must go with a lab's generations: who takes care of which.

The engine knows none of them. A companion is a module named for a library, loaded when lab code imports that library,
with a function ``follow(lab)`` that returns the undo. What it follows is told through ``lab.followers``.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotlab.importing.labs import Lab

_companions: dict[str, str] = {}


def accompany(library: str, companion: str) -> None:
    """Let a companion be loaded once a lab imports a library."""
    _companions[library] = companion


def library_imported(lab: Lab, name: str) -> None:
    """Code of a lab has imported something that is not the lab's."""
    library = name.partition(".")[0]
    if library in _companions and library not in lab.companions:
        lab.companions[library] = importlib.import_module(_companions[library]).follow(lab)


def begin(lab: Lab) -> None:
    """A lab was enabled: follow the libraries that are loaded already."""
    for library in _companions:
        if library in sys.modules:
            library_imported(lab, library)


def end(lab: Lab) -> None:
    """A lab was disabled."""
    while lab.companions:
        _library, undo = lab.companions.popitem()
        undo()
