"""An enabled lab package: :class:`Lab` holds the current generation and makes the next."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from hotlab.importing import executing, live_builtins, planning, reloading, retiring
from hotlab.importing.asking import generation_asked_for
from hotlab.importing.binding import bound_import
from hotlab.importing.errors import HotlabError, ReloadInProgress
from hotlab.importing.facades import Facade, make_facade
from hotlab.importing.generations import Generation
from hotlab.importing.planning import Plan
from hotlab.importing.records import ModuleRecord, bind_on
from hotlab.importing.retiring import Swap
from hotlab.importing.sources import Comings, Snapshot, SourceTree, digest_of
from hotlab.importing.turns import Turn

log = logging.getLogger(__name__)


class Lab:
    """A lab package in this process.

    `current` is the generation that new work takes; it moves by one attribute store. Its methods may be called from
    any thread. Reloads never interleave.

    Attributes:
        name: the import name of the package.
        root: the package's folder.
        tree: where its code comes from.
        current: the current generation.
    """

    def __init__(self, name: str, root: Path, tree: SourceTree) -> None:
        self.name = name
        self.root = root
        self.root_prefixes = tuple(path + os.sep for path in (os.path.abspath(root), os.path.realpath(root)))
        self.tree = tree
        self.enabled = True
        self.mutex = threading.RLock()
        self.builtins = live_builtins.lab_builtins(bound_import(self))
        # Which modules have ever needed a module: an index, checked against the records where it is followed.
        self.dependants: dict[str, set[str]] = {}
        # Modules that read data or list folders while imported; that hold packages; that others need and that were
        # not executed yet, there or not; in whose namespaces another text was run by hand.
        self.reading: set[str] = set()
        self.holding: set[str] = set()
        self.unexecuted: set[str] = set()
        self.overwritten: set[str] = set()
        self.comings = Comings({})
        # Names that are packages in some generation.
        self.were_packages: set[str] = set()
        # Whether any module has ever put something in its own place in `sys.modules`.
        self.has_replacements = False
        # Undo functions of the companions of libraries that lab code imports; told of each generation that is current.
        self.companions: dict[str, Callable[[], None]] = {}
        self.followers: list[Callable[[Generation], None]] = []
        # Modules that were adopted; whose code is yet to be read.
        self.adopted: list[str] = []
        self.unread: deque[ModuleRecord] = deque()
        # Modules that have held exceptions, or packages of the lab that are not right below them.
        self.of_note: set[str] = set()
        self.kept_frames: deque[FrameType] = deque()
        self.looked_at: Generation | None = None
        self._turn = Turn(f"lab {name}")
        self._alive: dict[int, weakref.ref[Generation]] = {}
        self._last_number = 0
        self.current = Generation(self, 0, tree.snapshot())
        self.keep_track_of(self.current)
        self.watch_reads(self.current.snapshot)

    def __repr__(self) -> str:
        return f"<Lab {self.name}, generation {self.current.number}>"

    @property
    def others_alive(self) -> bool:
        """Whether there is any generation beside the current one: a staged one, or one that something still uses."""
        return len(self._alive) > 1

    def generations_alive(self) -> list[Generation]:
        """The generations that something still uses, oldest first."""
        found = [generation for generation in self._at_work() if not generation.staged]
        return sorted(found, key=lambda generation: generation.number)

    def others_at_work(self, but: Generation) -> list[Generation]:
        """All generations alive, staged ones too, but one."""
        return [generation for generation in self._at_work() if generation is not but]

    def _at_work(self) -> list[Generation]:
        alive = [reference() for reference in self._alive.copy().values()]
        return [generation for generation in alive if generation is not None]

    def keep_track_of(self, generation: Generation) -> None:
        """Count a generation among those alive, until it is collected."""
        key, alive = id(generation), self._alive
        alive[key] = weakref.ref(generation, lambda _gone: alive.pop(key, None))

    def watch_reads(self, snapshot: Snapshot, since: Snapshot | None = None) -> None:
        """See what modules read while they are imported, from before the first of them that may.

        Args:
            snapshot: what will be imported.
            since: what was asked about before.
        """
        if executing.watches_reads():
            return
        names = snapshot.sources if since is None else snapshot.may_differ_from(since)
        if self.tree.has_data() or any(executing.may_read(snapshot.sources[name].text, self.name) for name in names):
            executing.watch_reads()

    def note_package(self, name: str) -> None:
        """A module is a package in some generation."""
        if name not in self.were_packages:
            self.were_packages.add(name)
            self._not_plain(name)

    def note_holder(self, name: str) -> None:
        """A module holds an exception, or a package that is not right below it."""
        self.of_note.add(name)
        self._not_plain(name)

    def _not_plain(self, name: str) -> None:
        for generation in self._at_work():
            generation.plain.pop(name, None)
            for asked in [asked for asked in generation.answers.copy() if asked[1] == name]:
                generation.answers.pop(asked, None)

    def forget(self, staged: Generation) -> None:
        """A staged generation was given up."""
        self._alive.pop(id(staged), None)

    def note_dependant(self, need: str, dependant: str) -> None:
        """A module needs another."""
        while True:
            known = self.dependants.get(need)
            if known is None:
                known = self.dependants.setdefault(need, set())
            known.add(dependant)
            if self.dependants.get(need) is known:  # else it was pruned meanwhile
                return

    def facade_for(self, name: str) -> Facade | None:
        """The façade of a module in the generation that is asked for; a new one where it was not imported yet."""
        generation = generation_asked_for(self)
        record = generation.records.get(name)
        if record is not None and isinstance(record.facade, Facade):
            return record.facade
        source = generation.snapshot.get(name)
        return make_facade(self, source) if source is not None else None

    def execute_again(self, record: ModuleRecord) -> None:
        """``importlib.reload`` by hand, with plain Python's meaning: run the file's text in the module's namespace.

        The generation keeps its sources: where the text differs from them, the next refresh takes it in as an edit.

        Raises:
            OSError: the file can't be read. Whatever compiling and running the text raises.
        """
        source = record.source
        code = source.code()
        if source.kind != "namespace":
            text = Path(source.path).read_bytes()
            if digest_of(text) != source.digest:
                self.overwritten.add(record.name)
                code = compile(text, source.path, "exec", dont_inherit=True)
        executing.execute(code, record.home, record)

    @property
    def unchanged(self) -> bool:
        """Whether a watcher vouches that the sources are the current generation's: no file need be looked at."""
        return self.looked_at is self.current and self.tree.quiet()

    def start_afresh(self) -> None:
        """The root is being imported for the first time, or again after it failed: take the sources as they are now."""
        # Not where the engine has executed it and its code is at work (of an adopted one it does not know whether it
        # came to its end); nor while a reload is under way: this must not wait.
        root = self.current.records.get(self.name)
        if (root is not None and not root.adopted) or not self._turn.try_to_take():
            return
        try:
            with self.mutex:
                snapshot = self.tree.snapshot(self.current.snapshot)
                self.watch_reads(snapshot)
                before = self.current
                if (snapshot is not before.snapshot or before.records) and before.records.get(self.name) is root:
                    for record in before.records.values():  # what the root had imported when it failed
                        record.pinned = before
                    self.current = Generation(self, before.number, snapshot)
                    self.keep_track_of(self.current)
        finally:
            self._turn.give_back()

    def pending(self) -> tuple[str, ...]:
        """Names of the modules whose source on disk differs from the current generation's."""
        with self._reloading():
            plan = planning.make_plan(self.current, self.tree)
        return () if plan is None else plan.changed

    def plan(self) -> Plan | None:
        """Look at the sources and say what an edit affects; None where nothing changed.

        Raises:
            ReloadRefused: a changed file can't be read or compiled.
            ReloadInProgress: asked for by code that a reload is executing.
        """
        with self._reloading():
            plan = planning.make_plan(self.current, self.tree)
            if plan is not None:
                planning.compile_changed(plan)
            return plan

    def stage(self, plan: Plan) -> Generation:
        """Execute the affected modules aside. Nobody sees them before :meth:`commit`.

        Raises:
            ReloadRefused: an affected module raised; everything is as it was before.
        """
        with self._reloading():
            if plan.base is not self.current:
                raise HotlabError("the plan was made for a generation that is no longer current: plan again")
            return reloading.stage(plan, self._last_number + 1)

    def commit(self, staged: Generation) -> Generation:
        """Make a staged generation the current one.

        Raises:
            HotlabError: it was staged for a generation that is not the current one, or given up.
        """
        with self._reloading():
            if staged.base is not self.current:
                raise HotlabError(f"generation {staged.number} was not staged for the current one: plan again")
            with self.mutex:
                self._last_number = max(self._last_number, staged.number)
                swapped = reloading.commit(staged, self.current)
            self._follow_up(swapped)
            return staged

    def discard(self, staged: Generation) -> None:
        """Drop a staged generation: nothing of it remains. One that was committed stays as it is."""
        if staged.staged:
            with self.mutex:
                reloading.discard(staged)

    def revert(self, generation: Generation) -> None:
        """Make an older generation, which the caller kept, the current one again."""
        with self._reloading():
            with self.mutex:
                swapped = reloading.revert(generation, self.current)
            self._follow_up(swapped)

    def _follow_up(self, swapped: Swap) -> None:
        """What need not be done at the very moment that the current generation changes."""
        try:
            retiring.swap(swapped)
        except Exception:
            log.exception("lab %s: hotlab failed to retire what was replaced; please report it", self.name)
        to_bind, swapped.now.to_bind = swapped.now.to_bind, []
        for package, last, module in to_bind:
            bind_on(package, last, module)
        for follower in list(self.followers):
            try:
                follower(swapped.now)
            except Exception:
                log.exception("lab %s: what follows its generations failed", self.name)

    def reset_in_child(self) -> None:
        """In a forked child: what other threads of the parent were doing does not go on here.

        A module that one of them was executing is as one that was not imported; a generation that one was staging is
        gone.
        """
        self.mutex = threading.RLock()
        self._turn.reset_in_child()
        mine = [record for _generation, record in executing.under_way()]
        for generation in self._at_work():
            generation.drop_unfinished(but=mine)
            if generation.staged and not any(record.pinned is generation for record in mine):
                reloading.discard(generation)

    def refuse_from_within(self) -> None:
        """Raise ReloadInProgress where a reload would wait for the caller: it is being imported for one."""
        top = executing.top()  # of whichever lab: labs that reload each other would wait for each other
        inside = self._turn.owner == threading.get_ident() or top is not None
        module = top[1].name if top is not None else None
        if not inside and any(each.staged for each in self.others_at_work(self.current)):
            # Not the reloading thread, but one that a module which it executes has started, and may wait for.
            asked = generation_asked_for(self)
            inside = asked.staged
        if inside:
            where = f" (by {module})" if module is not None else ""
            raise ReloadInProgress(
                f"lab {self.name} was asked to reload by code that is being imported{where}: "
                "ask from outside, or call hotlab.refresh(wait=False) once the import is over"
            )

    def _reloading(self) -> Turn:
        self.refuse_from_within()
        return self._turn
