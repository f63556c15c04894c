"""Which names are never an edit."""

from __future__ import annotations

import pytest

from hotlab.watching.names import is_ignored


@pytest.mark.parametrize(
    "path",
    [
        "__pycache__/oven.cpython-311.pyc",
        "oven.pyc",
        ".git/index",
        ".hg/store/00manifest.i",
        "devices/.svn/entries",
        "CVS/Entries",
        ".oven.py.swp",
        ".oven.py.swx",
        "oven.py.swo",
        "4913",
        "5036",
        "oven.py~",
        "#oven.py#",
        ".#oven.py",
        "oven.py___jb_tmp___",
        "oven.py___jb_old___",
        "sedAb3xYz",
        ".DS_Store",
        ".idea/workspace.xml",
        "runs/hotlab.db-wal",
    ],
)
def test_caches_and_leftovers_are_ignored(path: str) -> None:
    """Caches, version control and what editors leave for a moment are never an edit."""
    assert is_ignored(path.split("/"))


@pytest.mark.parametrize(
    "path",
    ["oven.py", "__init__.py", "tables/limits.csv", "4914", "49130", "seder.py", "sediment",
     "C#.txt", "hotlab.yaml", "öfen/größe.py", "a file.py"],
)  # fmt: skip
def test_sources_and_data_are_not_ignored(path: str) -> None:
    """Anything a lab may have written itself is an edit, data files and odd names too."""
    assert not is_ignored(path.split("/"))
