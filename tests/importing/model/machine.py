"""The hypothesis machine: draws trees, edits and what tasks do; the world does the work."""

from __future__ import annotations

import tempfile
from pathlib import Path

import attrs
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.importing.model import edits as e
from tests.importing.model.oracle import Oracle
from tests.importing.model.trees import Module, Tree
from tests.importing.model.world import Disagreement, Save, Tally, World, quick_folder

STEPS = 25
EXAMPLES = 50

_NUMBER = st.integers(0, 11)
_TINY = st.integers(0, 3)
_FORM = st.integers(0, 59)
_CONSTANT = st.integers(10, 99)
_RARELY = st.integers(0, 6).map(lambda number: number == 6)
_SELDOM = st.integers(0, 5).map(lambda number: number == 5)

_MOSTLY = st.integers(0, 4).map(lambda number: number < 4)

_BREAKS: st.SearchStrategy[e.Edit] = st.builds(e.Break, _NUMBER, st.integers(0, 4))

_EDIT_KINDS: list[tuple[int, st.SearchStrategy[e.Edit]]] = [
    (6, st.builds(e.ChangeValue, _NUMBER, _CONSTANT)),
    (5, st.builds(e.AddImport, _NUMBER, _FORM, _NUMBER, _NUMBER, _TINY, _SELDOM)),
    (4, st.builds(e.CloseCycle, _NUMBER, _TINY, _NUMBER)),
    (2, st.builds(e.DropImport, _NUMBER, _TINY)),
    (2, st.builds(e.MoveSymbol, _TINY, _NUMBER, _CONSTANT, _MOSTLY)),
    (3, st.builds(e.AddModule, _NUMBER, _NUMBER, _CONSTANT, _SELDOM, st.none() | _NUMBER)),
    (2, st.builds(e.DeleteModule, _NUMBER, _MOSTLY)),
    (2, st.builds(e.RenameModule, _NUMBER, _NUMBER, _MOSTLY)),
    (1, st.builds(e.SwapKind, _NUMBER, _SELDOM)),
    (1, st.builds(e.SwapExports, _NUMBER)),
    (1, _BREAKS),
    (4, st.builds(e.Mend)),
]
_WEIGHTED = [strategy for weight, strategy in _EDIT_KINDS for _ in range(weight)]
EDITS: st.SearchStrategy[e.Edit] = st.integers(0, len(_WEIGHTED) - 1).flatmap(lambda place: _WEIGHTED[place])
# Now and then the last of several edits is a fault, so that what came before it has to be rolled back.
_FAULTY = st.tuples(st.lists(EDITS, min_size=1, max_size=3), _BREAKS).map(lambda both: [*both[0], both[1]])
_SOUND = st.lists(EDITS, min_size=1, max_size=3)
SAVES = st.builds(
    Save, st.integers(0, 11).flatmap(lambda number: _FAULTY if number > 9 else _SOUND), st.booleans(), _SELDOM, _RARELY
)
# What tasks do between two refreshes: the kind, and two numbers that pick a module and a late function of it.
ACTIONS = st.tuples(st.sampled_from(["start", "ask", "start", "call", "import"]), _NUMBER, _TINY)

GROWTH: st.SearchStrategy[list[e.Edit]] = st.lists(
    st.one_of(
        st.builds(e.AddModule, _NUMBER, _NUMBER, _CONSTANT, _SELDOM),
        st.builds(e.AddModule, _NUMBER, _NUMBER, _CONSTANT, _SELDOM),
        st.builds(e.AddImport, _NUMBER, _FORM, _NUMBER, _NUMBER, _TINY, _SELDOM),
        st.builds(e.AddImport, _NUMBER, _FORM, _NUMBER, _NUMBER, _TINY, _SELDOM),
        st.builds(e.MoveSymbol, _TINY, _NUMBER, _CONSTANT, st.booleans()),
        st.builds(e.SwapKind, _NUMBER, _SELDOM),
    ),
    min_size=4,
    max_size=30,
)


def grown(growth: list[e.Edit]) -> Tree:
    """A tree made of edits, from a root, a package and two modules."""
    tree = Tree({"": Module(10, is_package=True), "a": Module(11), "b": Module(12, is_package=True), "b.c": Module(13)})
    for edit in growth:
        tree = edit.apply(tree)
    return tree


@attrs.define
class Setting:
    """What all examples of a run have in common: one oracle and one tally."""

    oracle: Oracle
    tally: Tally
    folder: tempfile.TemporaryDirectory[str]

    def close(self) -> None:
        """End the oracle."""
        self.oracle.close()
        self.folder.cleanup()


def new_setting() -> Setting:
    """Start an oracle."""
    folder = tempfile.TemporaryDirectory(prefix="hotlab-oracle-", dir=quick_folder())
    return Setting(Oracle(Path(folder.name)), Tally(), folder)


def machine_for(setting: Setting) -> type[RuleBasedStateMachine]:
    """The machine, bound to an oracle and a tally."""

    class ModelTest(RuleBasedStateMachine):
        world: World | None = None

        @initialize(growth=GROWTH, inside=_SELDOM, modules=st.lists(_NUMBER, max_size=6))
        def open(self, growth: list[e.Edit], inside: bool, modules: list[int]) -> None:
            self.world = World(grown(growth), setting.oracle, setting.tally, enable_inside=inside)
            self.world.open(modules)

        @rule(save=SAVES, actions=st.lists(ACTIONS, max_size=3))
        def step(self, save: Save, actions: list[tuple[str, int, int]]) -> None:
            assert self.world is not None
            self.world.save(save)
            for kind, first, second in actions:
                if kind == "ask":
                    self.world.ask_task(first)
                elif kind == "import":
                    self.world.import_module(first)
                elif kind == "call":
                    self.world.call_late(first, second)
                else:
                    self.world.start_task(first, second)

        def teardown(self) -> None:
            if self.world is not None:
                self.world.close()

    return ModelTest


def run(setting: Setting, *, edits: int, seed: int, shrink: bool = True) -> None:
    """Try at least so many edits. The same seed gives the same trees and edits.

    Raises:
        Disagreement: the engine and the model disagree; hypothesis has made the example small, if it was to shrink it.
    """
    wanted = setting.tally.edits + edits
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    batch = 0
    while setting.tally.edits < wanted:
        examples = min(EXAMPLES, (wanted - setting.tally.edits) // STEPS + 1)
        machine = seeded(seed * 100_003 + batch)(machine_for(setting))
        wanted_settings = settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, phases=phases,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
        )  # fmt: skip
        try:
            run_state_machine_as_test(machine, settings=wanted_settings)
        except Disagreement:
            raise
        except BaseException as error:
            if setting.tally.disagreement is None:
                raise
            # It did not show each time: hypothesis says so, and not what it was.
            raise Disagreement(setting.tally.disagreement) from error
        batch += 1
