"""Random packages, random edits and old tasks, against a fresh interpreter that imports the same files."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.importing.model.machine import Setting, new_setting, run
from tests.importing.model.planted import PLANTED
from tests.importing.model.world import Disagreement

SEED = 3_000_011  # about one tree in a hundred depends on the order of imports; some seeds make none
EDITS = 2000


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """An oracle and a tally; the interpreter writes byte code, as a user's does."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    made = new_setting()
    yield made
    made.close()


@pytest.mark.slow
def test_a_lab_that_was_reloaded_equals_a_fresh_import(setting: Setting) -> None:
    """Whatever is edited, values, executions, identities and old tasks are right; a refused edit changes nothing."""
    run(setting, edits=EDITS, seed=SEED)
    print(f"seed {SEED}: {setting.tally}")
    assert setting.tally.edits >= EDITS
    assert setting.tally.order_dependent <= 0.05 * setting.tally.trees


@pytest.mark.slow
@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_a_planted_bug_is_found(setting: Setting, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    """The model test is no formality: a fault of the engine makes it fail within its budget."""
    planted = PLANTED[bug]
    monkeypatch.setattr(planted.owner, planted.name, planted.broken(getattr(planted.owner, planted.name)))
    with pytest.raises(Disagreement):
        run(setting, edits=EDITS, seed=SEED, shrink=False)
