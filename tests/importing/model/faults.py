"""Faults of the engine that the search has found and that are not mended yet.

The one place where the model test looks away. Take a name out once the engine is mended; the search then covers it.
"""

from __future__ import annotations

KNOWN_FAULTS: frozenset[str] = frozenset(
    {
        # A form of import, left out of the trees: `importlib.import_module("...")` in a function that was not called
        # yet is no edge for the engine, which reads import statements only.
        "lazy_import_module",
        # A root that enables hotlab in its first line, and then calls `importlib.import_module` (or loops over its
        # folder): the frame that is running has Python's own import, so the engine does not see the edge.
        "adopted_import_module",
    }
)
