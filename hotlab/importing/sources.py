"""Where a generation's code comes from: sources, snapshots of all of them, and the :class:`SourceTree` seam.

A :class:`Snapshot` is immutable and content-addressed: what changed is decided by digest, never by time.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Literal, Protocol

import attrs

from hotlab.importing.bytecode import cache_path, compile_code, load_code, rename
from hotlab.importing.imports_in_code import CodeFacts, facts_of, names_set_by

if TYPE_CHECKING:
    from hashlib import blake2b
else:
    try:
        # hashlib loads OpenSSL with it: 3.6 MB in each process of a lab.
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

_STATEMENTS_KEPT = 10_000
Kind = Literal["module", "package", "namespace", "extension"]


def digest_of(content: bytes) -> str:
    """The name of a content: 32 hexadecimal digits of BLAKE2b."""
    return blake2b(content, digest_size=16).hexdigest()


class Layout:
    """Which modules there are, and which are packages, without what they hold.

    Shared by all snapshots in which it is the same.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        self._below: dict[str, tuple[list[str], list[str]]] | None = None
        self._children: dict[str, frozenset[str]] = {}
        self._packages: list[str] = []

    def _known(self) -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
        if self._below is None:
            found: dict[str, tuple[list[str], list[str]]] = {}
            for name in self.names:
                above, _, last = name.rpartition(".")
                lasts, names = found.setdefault(above, ([], []))
                lasts.append(last)
                names.append(name)
            self._children = {above: frozenset(lasts) for above, (lasts, _names) in found.items()}
            self._packages = sorted(found)
            self._below = found
        return self._below

    def packages(self) -> list[str]:
        """The names above modules, sorted; the first is empty, above the root."""
        self._known()
        return self._packages

    def below(self, package: str) -> tuple[Sequence[str], Sequence[str]]:
        """A package's submodules: the last parts of their names, and their names."""
        return self._known().get(package, ((), ()))

    def children(self, package: str) -> frozenset[str]:
        """The last parts of the names of a package's submodules."""
        self._known()
        return self._children.get(package, frozenset())


class Comings:
    """Which submodules of which packages not every generation of a lab has, up to the newest.

    Another one takes its place where that changes.
    """

    def __init__(self, names: Mapping[str, frozenset[str]]) -> None:
        self.names = names
        self._values: dict[tuple[Layout, str, Sequence[str]], frozenset[str] | None] = {}

    def with_more(self, names: Iterable[str]) -> Comings:
        """These and the modules of these names."""
        found = dict(self.names)
        for name in names:
            parent, _, last = name.rpartition(".")
            found[parent] = found.get(parent, frozenset()) | {last}
        return Comings(found)

    def only_values(self, layout: Layout, package: str, names: Sequence[str]) -> frozenset[str] | None:
        """The names that a statement imports from a package where none of them is a submodule in any generation."""
        if type(names) is not tuple:
            return None
        key = (layout, package, names)
        try:
            return self._values[key]
        except KeyError:
            known = layout.children(package) | self.names.get(package, frozenset()) | {"*"}
            values = None
            if all(type(name) is str for name in names) and known.isdisjoint(names):
                values = frozenset(names)
            if len(self._values) > _STATEMENTS_KEPT:
                self._values.clear()  # of statements that edits have changed since, most of them
            self._values[key] = values
            return values


@attrs.frozen(eq=False)
class LazyNeeds:
    """What a module may import later, where it was last found out.

    Attributes:
        layout: the modules that there were.
        held: the packages that it was known to hold as objects.
        needs: the answer.
        held_after: the packages that its code names, besides.
        starred: the packages all of whose names it takes.
    """

    layout: Layout
    held: frozenset[str]
    needs: frozenset[str]
    held_after: frozenset[str]
    starred: tuple[Source, ...] = ()

    def is_of(self, snapshot: Snapshot) -> bool:
        """Whether it was found out where there were the same modules."""
        if self.layout is not snapshot.layout:
            return False
        return not self.starred or all(snapshot.get(source.name) is source for source in self.starred)


@attrs.define(eq=False)
class Source:
    """The source of one module. Two generations in which it is the same share this very object, text and code."""

    name: str
    path: str
    kind: Kind
    digest: str
    text: bytes = attrs.field(repr=False)
    is_package: bool = attrs.field(init=False)
    retired: bool = attrs.field(default=False, init=False)
    _code: CodeType | None = attrs.field(default=None, init=False, repr=False)
    _facts: CodeFacts | None = attrs.field(default=None, init=False, repr=False)
    lazy_needs: LazyNeeds | None = attrs.field(default=None, init=False, repr=False)
    _cached: str | None = attrs.field(default=None, init=False, repr=False)
    _sets: tuple[str, ...] | None = attrs.field(default=None, init=False, repr=False)
    _sets_known: bool = attrs.field(default=False, init=False, repr=False)
    holds_nothing: bool = attrs.field(default=False, init=False, repr=False)
    _folder: str | None = attrs.field(default=None, init=False, repr=False)
    line: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.is_package = self.kind in ("package", "namespace")
        # What the digest of a snapshot takes from this source.
        self.line = f"{self.name}\0{self.kind}\0{self.digest}\n".encode()

    def is_like(self, digest: str, kind: Kind, path: str) -> bool:
        """Whether a source of its name is the same in all that a module can tell."""
        return (self.digest, self.kind, self.path) == (digest, kind, path)

    @property
    def package(self) -> str:
        """The package in which its relative imports resolve: its ``__package__``."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def folder(self) -> str:
        """The folder of a package."""
        if self._folder is None:
            self._folder = self.path if self.kind == "namespace" else os.path.dirname(self.path)
        return self._folder

    @property
    def cached(self) -> str | None:
        """Where Python caches its code object."""
        if self._cached is None:
            self._cached = cache_path(self.path)
        return self._cached

    def code(self, *, cached: bool = True) -> CodeType:
        """The code object, compiled once for as long as any generation has this source.

        Args:
            cached: look for it in ``__pycache__``, and put it there. Not worth its time for a text that was just
                saved: the next start does it.

        Raises:
            SyntaxError, ValueError, UnicodeDecodeError: what ``compile`` raises for a faulty text.
        """
        if self._code is None:
            has_file = cached and self.kind in ("module", "package")
            self._code = load_code(self.text, self.path) if has_file else compile_code(self.text, self.path)
            if self.retired:
                rename(self._code, self.shown_path)
        return self._code

    @property
    def shown_path(self) -> str:
        """The file name that tracebacks show: the path, with the digest once the file holds another text."""
        return f"{self.path}@{self.digest[:8]}" if self.retired else self.path

    def set_retired(self, retired: bool) -> None:
        """Let the code show that its text is not, or is again, what the file holds."""
        self.retired = retired
        if self._code is not None:
            rename(self._code, self.shown_path)

    def facts(self) -> CodeFacts:
        """The lazy imports and the names in the code. Raises as :meth:`code`."""
        if self._facts is None:
            self._facts = facts_of(self.code())
        return self._facts

    def sets(self) -> tuple[str, ...] | None:
        """The names that the module sets itself, but by from-imports of its lab.

        None where its code does not say, or where an earlier execution was not looked at, or held more that is of note.
        """
        if not self.holds_nothing:
            return None
        if not self._sets_known:
            self._sets_known, self._sets = True, names_set_by(self.code(), self.name.partition(".")[0])
        return self._sets


@attrs.frozen(eq=False)
class Snapshot:
    """The sources of a lab package at one moment, by module name."""

    sources: Mapping[str, Source]
    layout: Layout = attrs.field(repr=False)
    # Digests of packages, each of the modules right in it: an edit makes those of the edited packages anew.
    _parts: dict[str, bytes] = attrs.field(factory=dict, repr=False)
    _since: Callable[[], Mapping[str, Source] | None] | None = attrs.field(default=None, repr=False)
    _edited: frozenset[str] = attrs.field(default=frozenset(), repr=False)

    def get(self, name: str) -> Source | None:
        """The source of a module, or None."""
        return self.sources.get(name)

    def edited(self, changed: Mapping[str, Source]) -> Snapshot:
        """The snapshot in which some of the same modules have other sources."""
        gone = {name.rpartition(".")[0] for name in changed}
        parts = {package: part for package, part in self._parts.items() if package not in gone}
        mine = weakref.ref(self)

        def since() -> Mapping[str, Source] | None:
            alive = mine()
            return alive.sources if alive is not None else None

        return Snapshot({**self.sources, **changed}, self.layout, parts, since, frozenset(changed))

    def may_differ_from(self, other: Snapshot) -> Iterable[str]:
        """Names of modules of this snapshot, among which are all whose sources the other has not."""
        if self.sources is other.sources:
            return ()
        if self._since is not None and self._since() is other.sources:
            return self._edited
        return self.sources

    def digest(self, data: Mapping[str, str | None] | None = None) -> str:
        """The digest of these sources, with the digests of data files by path: equal if and only if contents are."""
        sources, parts = self.sources, self._parts
        packages = self.layout.packages()
        for package in packages:
            if package not in parts:
                digest = digest_of(b"".join([sources[name].line for name in self.layout.below(package)[1]]))
                parts[package] = f"{package}\0{digest}\n".encode()
        lines = [parts[package] for package in packages]
        lines += [f"{path}\0{digest}\n".encode() for path, digest in sorted((data or {}).items())]
        return digest_of(b"".join(lines))


class SourceTree(Protocol):
    """Where snapshots come from: the disk now, a store of published generations later."""

    def snapshot(self, known: Snapshot | None = None) -> Snapshot:
        """Look at everything and return what is there.

        Args:
            known: a snapshot whose sources are to be the answer's wherever their contents are the same; the answer
                is this very snapshot where nothing differs from it.
        """

    def has_data(self) -> bool:
        """Whether there was anything beside the sources, when it was looked at last, that code may read."""

    def quiet(self) -> bool:
        """Whether somebody vouches that nothing was changed since the last look."""
