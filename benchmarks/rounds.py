"""The rounds: which children measure what, in which turns, and the figures that come of it."""

from __future__ import annotations

import dataclasses
import statistics
import sys
from collections.abc import Callable
from typing import Any

from children import ChildFailed, Labs, import_hotlab, in_turn, where_hotlab_is
from figures import NOT_AVAILABLE, RATIO, TO, Figure, quartiles, ratio_of_round, ratios
from peers import PEERS

Answers = list[dict[str, Any]]
PAIR = ("floor_min", "hotlab")
TARGETS = ("leaf", "mid", "core")


@dataclasses.dataclass
class Plan:
    """How much is measured.

    Attributes:
        sizes: the labs' numbers of modules.
        rounds: rounds of fresh children for each figure.
        edits: edits a round for each target.
        reloads: reloads for the growth of memory.
        loops: turns of the inner loops.
        peers: names of the other reloaders to measure.
        largest_for_peers: labs above this size are not measured with them.
    """

    sizes: list[int]
    rounds: int
    edits: int
    reloads: int
    loops: int
    peers: list[str]
    largest_for_peers: int = 1000

    @property
    def usual(self) -> int:
        """The size for figures that don't depend on it."""
        return min(self.sizes, key=lambda size: abs(size - 200))


class Rounds:
    """Runs the groups of measurements one after the other.

    Attributes:
        figures: those that have a goal.
        times: absolute times for the plot and the second table: by size, by what was done, by engine.
    """

    def __init__(self, plan: Plan, labs: Labs, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.labs = labs
        self.say = say
        self.figures: list[Figure] = []
        self.times: list[dict[str, Any]] = []

    def start(self) -> None:
        """``import hotlab``."""
        paths = where_hotlab_is(self.labs.python)
        import_hotlab(self.labs.python, paths)
        found = [import_hotlab(self.labs.python, paths) for _ in range(3 * self.plan.rounds)]
        walls, cpus, memories = ([answer[place] for answer in found] for place in range(3))
        self._add("start_ms", "`import hotlab`", None, "ms", 60, walls, cpus)
        self._add("start_mb", "`import hotlab`, memory", None, "MB", 8, memories)

    def imports(self) -> None:
        """Importing a lab through hotlab, against plain Python."""
        for size in [size for size in self.plan.sizes if size <= 1000] or self.plan.sizes[:1]:
            found: dict[str, Answers] = {"plain": [], "hotlab": []}
            for turn in range(self.plan.rounds * (4 if size <= 200 else 2)):
                with self.labs.children(("plain", "hotlab"), size, "import", turn=turn) as children:
                    for engine, child in children.items():
                        found[engine].append(child.ask("import_lab"))
            self._add_ratio("import", "import of the lab ÷ plain Python's", size, 1.15, found["hotlab"], found["plain"])
            self._note_times(size, "import", found)

    def edits(self) -> None:
        """Nothing changed, and the edit of a leaf, a middle and a core module, against the floor."""
        for size in self.plan.sizes:
            answers: dict[str, dict[str, list[Answers]]] = {}
            vouched: Answers = []
            for turn in range(self.plan.rounds if size <= 1000 else min(3, self.plan.rounds)):
                self.say(f"edits: {size} modules, round {turn + 1}")
                with self.labs.children(PAIR, size, "edits") as children:
                    for engine in PAIR:
                        children[engine].ask("import_lab")
                        children[engine].ask("prepare")
                    for done, command in self._commands(size):
                        for engine in in_turn(PAIR, turn):
                            one = answers.setdefault(done, {}).setdefault(engine, [])
                            if len(one) <= turn:
                                one.append([])
                            one[turn].append(children[engine].ask(**command))
                    vouched.append(children["hotlab"].ask("vouched", rounds=self.plan.loops // 5))
                    for engine in PAIR:
                        children[engine].ask("mend")
            self._take_edits(size, answers)
            known = [answer["wall"] for answer in vouched if answer["wall"] is not None]
            cpu = [answer["cpu"] for answer in vouched if answer["wall"] is not None]
            figure = self._add("vouched", "nothing changed, a watcher vouches", size, "µs", 5, known, cpu)
            figure.failed = "then an edit was missed" if any(answer.get("stale") for answer in vouched) else ""

    def _commands(self, size: int) -> list[tuple[str, dict[str, Any]]]:
        """What each child of a round is asked in turns."""
        commands: list[tuple[str, dict[str, Any]]] = []
        commands += [("no change", {"do": "no_change", "times": 7})] * 3
        for target in TARGETS:
            # An edit of the core of a large lab takes long, and varies little.
            edits = min(3, self.plan.edits) if target == "core" and size > 1000 else self.plan.edits
            commands += [(target, {"do": "edit", "target": target})] * edits
        return commands

    def _take_edits(self, size: int, answers: dict[str, dict[str, list[Answers]]]) -> None:
        titles = {"no change": "nothing changed, every file looked at, ÷ stat of every file"}
        for done, by_engine in answers.items():
            hotlab, floor = by_engine["hotlab"], by_engine["floor_min"]
            wall, cpu = (
                [ratio_of_round(one, other, key) for one, other in zip(hotlab, floor, strict=True)]
                for key in ("wall", "cpu")
            )
            stale = max(answer.get("stale", 0) for one in hotlab for answer in one)
            if any(answer.get("stale", 0) for one in floor for answer in one):
                raise RuntimeError(f"the floor itself left something stale after a {done} edit at {size} modules")
            key = done.replace(" ", "_")
            title = titles.get(done, f"{done} edit ÷ floor_min")
            figure = self._add(key, title, size, RATIO, 1.3, wall, cpu)
            figure.failed = f"{stale} modules stale" if stale else ""
            last = hotlab[-1][-1]
            if "affected" in last:
                figure.note = f"{last['affected']} modules affected"
                figure.note += f", {last['executed']} executed" if last["executed"] > last["affected"] else ""
                if last["executed"] < last["affected"] and not figure.failed:
                    figure.failed = f"only {last['executed']} executed"
            flat = {engine: [answer for one in rounds for answer in one] for engine, rounds in by_engine.items()}
            self._note_times(size, done, flat)

    def saves(self) -> None:
        """Two saves of one size within a second, and executions for one save."""
        size = self.plan.usual
        lost, executions = [], []
        for _ in range(self.plan.rounds):
            with self.labs.children(("hotlab",), size, "saves") as children:
                child = children["hotlab"]
                child.ask("import_lab")
                child.ask("prepare")
                answer = child.ask("two_saves", target="leaf", times=3)
                lost.append(float(answer["of"] - answer["seen"]))
                executions.append(child.ask("executions", target="leaf", times=3)["each"])
                child.ask("mend")
        self._add("saves_missed", "two saves of one size within a second: pairs not seen whole", size, "", 0, lost)
        figure = self._add("executions", "reloads per save", size, "", 1, executions)
        figure.failed = "" if all(each == 1 for each in executions) else "not exactly 1"

    def growth(self) -> None:
        """What a reload leaves behind in memory."""
        size, reloads = self.plan.usual, self.plan.reloads
        answers = {}
        for engine in PAIR:
            self.say(f"growth: {engine}, {reloads} reloads")
            with self.labs.children((engine,), size, "growth") as children:
                child = children[engine]
                child.ask("import_lab")
                child.ask("prepare")
                answers[engine] = child.ask("growth", target="leaf", reloads=reloads)
                child.ask("mend")
        hotlab, floor = answers["hotlab"], answers["floor_min"]
        note = f"{reloads:,} reloads; floor_min {floor['kb']:.2f}"
        self._add("growth_kb", "growth per reload", size, "KB", 2, [hotlab["kb"]]).note = note
        objects = self._add("growth_objects", "objects left per reload", size, "", 0, [round(hotlab["objects"], 2)])
        objects.note = f"floor_min {floor['objects']:.2f}"

    def statements(self) -> None:
        """The import statement inside a function of the lab."""
        size = self.plan.usual
        found: Answers = []
        for _ in range(self.plan.rounds):
            with self.labs.children(("hotlab",), size, "statements") as children:
                children["hotlab"].ask("import_lab")
                found.append(children["hotlab"].ask("statements", rounds=self.plan.loops))
        forms = {
            "import_module": "`import lab.core.base`",
            "import_as": "`import lab.core.base as base`",
            "from_module": "`from lab.core.base import BaseTask`",
            "from_package": "`from lab.core import BaseTask`",
            "submodule": "`from lab.core import base`",
            "relative": "`from ...core.base import BaseTask`",
        }
        for form, text in forms.items():
            values = [answer[f"lab:{form}"] for answer in found]
            self._add(f"late_{form}", f"in a function of the lab: {text}", size, "µs", 1.5, values)
        for form, text in {"import_json": "`import json`", "from_json": "`from json import loads`"}.items():
            more = [answer[f"lab:{form}"] - answer[f"outside:{form}"] for answer in found]
            plain = statistics.median(answer[f"outside:{form}"] for answer in found)
            title = f"in a function of the lab: {text}, more than plain"
            figure = self._add(f"late_{form}", title, size, "µs", 0.4, more)
            figure.note = f"plain {plain:.2f} µs"

    def outside(self) -> None:
        """Imports in code that belongs to no lab."""
        size = self.plan.usual
        engines = ("plain", "plain+again", "hotlab", "hotlab+data")
        first: dict[str, Answers] = {engine: [] for engine in engines}
        again: dict[str, Answers] = {engine: [] for engine in engines}
        refusals = []
        for turn in range(3 * self.plan.rounds):
            with self.labs.children(engines, size, "outside", turn=turn) as children:
                for engine, child in children.items():
                    child.ask("import_lab_with_data" if engine == "hotlab+data" else "import_lab")
                    first[engine].append(child.ask("outside_first"))
                    again[engine].append(child.ask("outside_again", rounds=self.plan.loops))
                refusals.append(children["hotlab"].ask("refusal", rounds=self.plan.loops)["wall"])
        for key, title, found in (
            ("outside_first", "outside the lab: first import of other modules ÷ without hotlab", first),
            ("outside_again", "outside the lab: import again ÷ without hotlab", again),
        ):
            # Plain Python against itself, in the same turns, is what noise is.
            control = ratios(found["plain+again"], found["plain"])
            low, high = quartiles(control)
            assert low is not None
            assert high is not None
            goal = round(max(1.02, high, 1 / low), 3)
            figure = self._add_ratio(key, title, size, goal, found["hotlab"], found["plain"])
            figure.note = f"noise: plain ÷ plain has quartiles {low:.2f}{TO}{high:.2f}"
            # An audit hook sees what the modules of such a lab read.
            data = f"{title}, where the lab has data files"
            self._add_ratio(f"{key}_data", data, size, None, found["hotlab+data"], found["plain"])
        self._add("refusal", "the finder's refusal of a name that is not the lab's", size, "µs", 1, refusals)

    def peers(self) -> None:
        """Other reloaders, once each."""
        for size in [size for size in self.plan.sizes if size <= self.plan.largest_for_peers]:
            for name in self.plan.peers:
                self.say(f"peers: {name}, {size} modules")
                try:
                    self._peer(name, size)
                except ChildFailed as error:
                    self.times.append({"size": size, "done": "all", "engine": name, "failed": str(error)})

    def _peer(self, name: str, size: int) -> None:
        told = PEERS[name][0].told
        with self.labs.children((name,), size, "edits") as children:
            child = children[name]
            self._note_times(size, "import", {name: [child.ask("import_lab")]})
            child.ask("prepare")
            if not told:
                self._note_times(size, "no change", {name: [child.ask("no_change", times=2)]})
            for target in TARGETS:
                found = [child.ask("edit", target=target) for _ in range(min(3, self.plan.edits))]
                self._note_times(size, target, {name: found})
            child.ask("mend")

    def _note_times(self, size: int, done: str, found: dict[str, Answers]) -> None:
        for engine, answers in found.items():
            low, high = quartiles([answer["wall"] for answer in answers])
            kept = {
                "size": size,
                "done": done,
                "engine": engine,
                "wall": statistics.median(answer["wall"] for answer in answers),
                "quartiles": [low, high],
                "cpu": statistics.median(answer["cpu"] for answer in answers),
                "stale": max(answer.get("stale", 0) for answer in answers),
            }
            self.times.append(kept)

    def _add_ratio(
        self, key: str, title: str, size: int | None, goal: float | None, above: Answers, below: Answers
    ) -> Figure:
        """A ratio of two series that have one value a round each."""
        pairs = list(zip(above, below, strict=True))
        wall = [one["wall"] / other["wall"] for one, other in pairs]
        cpu = [one["cpu"] / other["cpu"] for one, other in pairs if "cpu" in one]
        return self._add(key, title, size, RATIO, goal, wall, cpu)

    def _add(
        self,
        key: str,
        title: str,
        size: int | None,
        unit: str,
        goal: float | None,
        values: list[float],
        cpu: list[float] | None = None,
    ) -> Figure:
        figure = Figure(key, title, size, unit, goal, values, cpu or [])
        self.figures.append(figure)
        median = NOT_AVAILABLE if figure.median is None else f"{figure.median:.3g} {unit}"
        self.say(f"{title}{f', {size} modules' if size else ''}: {median}")
        return figure


def say_to_stderr(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)
