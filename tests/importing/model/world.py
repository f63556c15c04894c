"""A live lab beside the model of it: saves edits, refreshes, and checks that the two agree."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import attrs

import hotlab
from tests.importing.model import checks
from tests.importing.model.edits import Edit, mended, without_dangling
from tests.importing.model.faults import KNOWN_FAULTS
from tests.importing.model.hazards import shows_known_fault
from tests.importing.model.observing import COUNTS_NAME, Counts, answer_of, install_counts
from tests.importing.model.oracle import Answer, Oracle
from tests.importing.model.rendering import bring_in_line, files_of
from tests.importing.model.rules import closure, cyclic, tamed
from tests.importing.model.states import state_of_lab, without_orphans
from tests.importing.model.tasks import OldTask, start_task
from tests.importing.model.trees import LAZY_FORMS, OBJECT_FORMS, ROOT, Import, Tree, ancestors, full, relative_name

MOST_TASKS = 8


def quick_folder() -> str | None:
    """Where files need no disk, if there is such a place and TMPDIR names no other; else None, for the usual one."""
    quick = "/dev/shm"
    return quick if "TMPDIR" not in os.environ and os.access(quick, os.W_OK | os.X_OK) else None


class Disagreement(AssertionError):
    """The engine and the model disagree. Its text is the reproduction."""


@attrs.define
class Tally:
    """What was tried so far."""

    edits: int = 0
    accepted: int = 0
    refused: int = 0
    trees: int = 0
    order_dependent: int = 0
    answers: int = 0
    longest_chain: int = 0
    disagreement: str | None = None

    def add(self, other: Tally) -> None:
        """Take in what another process has tried."""
        for field in ("edits", "accepted", "refused", "trees", "order_dependent", "answers"):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.longest_chain = max(self.longest_chain, other.longest_chain)

    def __str__(self) -> str:
        share = 100 * self.order_dependent / max(self.trees, 1)
        return (
            f"{self.edits} edits: {self.accepted} refreshes ok, {self.refused} refused; {self.trees} trees, "
            f"{share:.2f} % of them order-dependent; {self.answers} answers of tasks; "
            f"at most {self.longest_chain} generations alive"
        )


@attrs.frozen
class Save:
    """How edits come to disk.

    Attributes:
        edits: what is edited, before one refresh.
        keep_times: the old times of modification are put back.
        touch: all other files get a new time of modification.
        wild: cycles whose result depends on where they are entered are let in.
    """

    edits: Sequence[Edit]
    keep_times: bool = False
    touch: bool = False
    wild: bool = False


class World:
    """One lab on disk and in this process, its model, and the tasks that run in it."""

    def __init__(self, tree: Tree, oracle: Oracle, tally: Tally, *, enable_inside: bool = False) -> None:
        self.oracle, self.tally, self.enable_inside = oracle, tally, enable_inside
        self.base = Path(tempfile.mkdtemp(prefix="hotlab-model-", dir=quick_folder()))
        if enable_inside and "adopted_import_module" in KNOWN_FAULTS:
            tree = _without_computed_imports(tree)
        tree = tamed(without_dangling(tree))
        while shows_known_fault(tree, tree, set()):
            name = max(tree.names, key=lambda each: len(tree.modules[each].imports))
            tree = tree.replace(name, attrs.evolve(tree.modules[name], imports=()))
        if not oracle.ask(tree, tree.names[1:], enable=enable_inside).ok:
            # There must be a lab to begin with, all of whose modules can be imported.
            plain = {name: attrs.evolve(module, imports=(), loop=False) for name, module in tree.modules.items()}
            tree = Tree(plain)
        self.disk = self.tree = tree
        self.files: dict[str, str] = {}
        self.tasks: list[OldTask] = []
        self.history: list[str] = []
        self.refusals = 0
        self.answer = Answer(True)
        self.trees = {0: self.tree}
        self.counts: Counts = install_counts()
        self.first_imports: list[str] = []
        self.uncertain: set[str] = set()
        self.noted_to = 0
        sys.path.insert(0, str(self.base))
        self._write(self.disk, Save(()))
        importlib.invalidate_caches()

    def open(self, modules: Sequence[int]) -> None:
        """Enable the lab and import the root and some modules."""
        if not self.enable_inside:
            hotlab.enable(ROOT)
        importlib.import_module(ROOT)
        for index in modules:
            importlib.import_module(full(self.tree.pick(index)))
        if self.enable_inside and "adopted_settles" in KNOWN_FAULTS:
            assert hotlab.refresh(ROOT).ok
        self._note_imports(hotlab.current(ROOT).modules)
        self.answer = self._ask(self.disk)
        self._fail_with(checks.same_values(self.answer, self.disk, state_of_lab()))

    def close(self) -> None:
        """Let the tasks answer once more, and leave no trace."""
        try:
            while self.tasks:
                self.ask_task(0, last=True)
        finally:
            for task in self.tasks:
                task.close()
            if ROOT in hotlab.importing.enabled_labs():
                hotlab.disable(ROOT)
            for name in [n for n in sys.modules if n == ROOT or n.startswith(ROOT + ".")]:
                del sys.modules[name]
            del sys.modules[COUNTS_NAME]
            sys.path.remove(str(self.base))
            shutil.rmtree(self.base, ignore_errors=True)

    def save(self, save: Save) -> None:
        """Apply edits, refresh, and check everything."""
        tree = self.disk
        if self.refusals > save.touch:
            tree = mended(tree)
        for edit in save.edits:
            tree = edit.apply(tree)
        if not save.wild:
            tree = tamed(tree)
        held = self._held()
        if shows_known_fault(self.tree, tree, held):
            tree = self.tree
        if tree != self.disk:
            self.history.append(f"{save}")
        self._write(tree, save)
        self.disk = tree
        self._refresh()

    def _refresh(self) -> None:
        before, log_length = state_of_lab(), len(self.counts.log)
        self._note_imports(before.held())
        counted = Counter(self.counts.ended)
        if self.tree == self.disk and before.held() == set(self.answer.held):
            expected = self.answer
        else:
            expected = self._ask(self.disk)
            self.tally.trees += 1
            self.tally.order_dependent += expected.order_dependent
        report = hotlab.refresh(ROOT)
        after = state_of_lab()
        if report.ok and before.held() != without_orphans(before.held()):
            # Their package failed before the edit; now that it may have come, a fresh interpreter holds it too.
            self._note_imports(after.held(), in_reload=True)
            expected = self._ask(self.disk)
        if report.ok and not expected.ok:
            # The checks say whether it may be so. No answer of a fresh interpreter tells what is right from here on.
            expected = attrs.evolve(expected, order_dependent=True)
        elif report.ok and cyclic(self.disk):
            excused = checks.entered_elsewhere(self.disk, expected, report.reloaded, after)
            if excused:
                self.tally.order_dependent += not expected.order_dependent
                expected = attrs.evolve(expected, order_dependent=True, excused=excused)
        self.tally.edits += 1
        seen = checks.Reload(
            self.tree, self.disk, before, after, report, expected, counted, Counter(self.counts.ended),
            self.counts.log[log_length:], self.uncertain,
        )  # fmt: skip
        self._fail_with(checks.right(seen))
        if report.ok:
            self.tally.accepted += 1
            self.refusals = 0
            self.tree, self.answer = self.disk, expected
            self.trees[after.generation.number] = self.tree
            self._note_imports(after.held(), in_reload=True)
        else:
            self.tally.refused += 1
            self.refusals += 1
        self.noted_to = len(self.counts.log)
        alive = len(hotlab.importing.get_lab(ROOT).generations_alive())
        self.tally.longest_chain = max(self.tally.longest_chain, alive)

    def _note_imports(self, held: Collection[str], *, in_reload: bool = False) -> None:
        """Keep the order of the first imports of what is held.

        Between reloads tasks of several generations may import a module; then nobody knows when the current one did.
        """
        begun: dict[str, list[int]] = {}
        for place in range(self.noted_to, len(self.counts.log)):
            event, name = self.counts.log[place]
            if event == "begin":
                begun.setdefault(name, []).append(place)
        self.first_imports = [name for name in self.first_imports if name in held]
        new = set(held).difference(self.first_imports)
        self.first_imports += sorted(new, key=lambda name: begun[name][-1])
        self.uncertain &= set(held)
        if not in_reload:
            self.uncertain |= {name for name in new if len(begun[name]) > 1}
        self.noted_to = len(self.counts.log)

    def call_late(self, module: int, place: int) -> None:
        """Call a late function of the current generation."""
        found = self._late(module, place)
        if found is None:
            return
        name, each = found
        namespace = vars(hotlab.current(ROOT).modules[full(name)])
        answer = answer_of(namespace, f"_late{each.number}")
        self.history.append(f"call {full(name)}._late{each.number}")
        self._judge(f"{full(name)}._late{each.number}", answer, self._right(name, each))

    def import_module(self, module: int) -> None:
        """Import a module of the current generation from outside."""
        if self.tree != self.disk or self.answer.order_dependent:
            return
        picked = self.tree.pick(module)
        if self._unsure(closure(self.tree, picked) - self._held()):
            return
        name = full(picked)
        self.history.append(f"import {name}")
        try:
            answer: object = importlib.import_module(name).V
        except BaseException as error:
            answer = f"error {type(error).__name__}"
        self._judge(f"import {name}", answer, self.answer.rest[name])

    def start_task(self, module: int, place: int) -> None:
        """Start a task that will call a late function later."""
        found = self._late(module, place)
        if found is None:
            return
        self._limit_tasks()
        name, each = found
        generation = hotlab.current(ROOT)
        what = f"{full(name)}._late{each.number}, held by a {each.holder} since generation {generation.number}"
        right = self._right(name, each)
        self.history.append(f"start {what}")
        namespace = vars(generation.modules[full(name)])
        self.tasks.append(start_task(what, each, namespace, generation.number, right))

    def ask_task(self, index: int, *, last: bool = False) -> None:
        """Let a task go on: its answer is that of its own generation."""
        if not self.tasks:
            return
        place = index % len(self.tasks)
        task = self.tasks[place]
        answer, again = task.ask()
        if last or not again:
            del self.tasks[place]
        self.history.append(f"ask {task.what}")
        self._judge(task.what, answer, task.right, task.generation)

    def _limit_tasks(self) -> None:
        while len(self.tasks) >= MOST_TASKS:
            self.ask_task(0, last=True)

    def _late(self, module: int, place: int) -> tuple[str, Import] | None:
        """A late function of a module that is held, and whose answer is certain."""
        if self.answer.order_dependent:
            return None
        held = self._held()
        names = [name for name in self.tree.names if name in held]
        name = names[module % len(names)]
        late = [
            each
            for each in self.tree.modules[name].imports
            if each.form in LAZY_FORMS or each.form in OBJECT_FORMS or each.form == "chain"
        ]
        if not late:
            return None
        each = late[place % len(late)]
        # A package that lists its folder sees the disk as it is, not as its generation was: a documented limit.
        unseen = closure(self.tree, name) - held
        if any(self.tree.modules[other].loop for other in unseen) or self._unsure(unseen):
            return None
        return name, each

    def _held(self) -> set[str]:
        return {relative_name(name) for name in hotlab.current(ROOT).modules}

    def _unsure(self, unseen: set[str]) -> bool:
        """Whether the result of a first import of some modules depends on what was tried before it.

        So it is in cycles that take values, and where a module fails: what it had imported by then stays, be it below
        it, if it is a package, or be it in a cycle with it. Who imports that first meets the failure, others do not.
        """
        fails = {name for name in unseen if isinstance(self.answer.rest.get(full(name), ("",))[0], str)}
        stays = {name for name in unseen if fails & set(ancestors(name))}
        for name in fails:
            stays |= {other for other in closure(self.tree, name) - {name} if name in closure(self.tree, other)}
        return bool(unseen & (cyclic(self.tree) | stays))

    def _right(self, name: str, each: Import) -> tuple[object, ...]:
        return self.answer.late[f"{full(name)}._late{each.number}"]

    def _judge(self, what: str, answer: object, right: tuple[object, ...], generation: int | None = None) -> None:
        self.tally.answers += 1
        if answer not in right:
            problem = f"{what}: answered {answer!r}, right is {' or '.join(map(repr, right))}"
            self._fail_with([problem], self.tree if generation is None else self.trees[generation])

    def _ask(self, tree: Tree) -> Answer:
        held = hotlab.current(ROOT).modules
        whole = without_orphans(held)
        order = [relative_name(name) for name in self.first_imports if name in whole]
        return self.oracle.ask(tree, [name for name in order if name in tree.modules], enable=self.enable_inside)

    def _write(self, tree: Tree, save: Save) -> None:
        """Bring the disk in line with a tree."""
        folder = self.base / ROOT
        files = files_of(tree, enable=self.enable_inside)
        edited = [path for path in files.keys() & self.files.keys() if files[path] != self.files[path]]
        times = {path: (folder / path).stat() for path in edited}
        bring_in_line(folder, self.files, files)
        if save.keep_times:
            for path, stat in times.items():
                os.utime(folder / path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if save.touch:
            for path in files:
                if self.files.get(path) == files[path]:
                    os.utime(folder / path)
        self.files = files

    def _fail_with(self, problems: Sequence[str], before: Tree | None = None) -> None:
        if not problems:
            return
        old, new = files_of(before or self.tree), files_of(self.disk)
        parts = ["; ".join(problems), "-- the tree before:", *(f"# {path}\n{old[path]}" for path in old)]
        differ = [path for path in sorted({*old, *new}) if old.get(path) != new.get(path)]
        if differ:
            parts.append("-- the tree after (files that differ):")
            parts += [f"# {path}\n{new.get(path, '(deleted)')}" for path in differ]
        parts += ["-- what was done:", *self.history, "-- what is wrong:", *problems]
        self.tally.disagreement = "\n".join(parts)
        raise Disagreement(self.tally.disagreement)


def _without_computed_imports(tree: Tree) -> Tree:
    """The tree whose root calls no ``import_module`` while it is being imported."""
    root = tree.modules[""]
    imports = tuple(each for each in root.imports if each.form != "import_module")
    return tree.replace("", attrs.evolve(root, imports=imports, loop=False))
