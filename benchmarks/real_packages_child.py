"""One process of ``real_packages.py``: it imports a package from a folder and prints what it found, as JSON.

``survey`` says which modules plain Python can import; ``plain`` is the fresh interpreter that everything is compared
with; ``live`` has hotlab enabled on the package and goes through its edits.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import json
import logging
import os
import pkgutil
import subprocess
import sys
import time
import traceback
import types
import typing
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import real_packages_list
import real_packages_smoke
from real_packages_list import Edit, RealPackage

NOT_IMPORTED = {"tests", "test", "testing", "testsuite", "conftest", "benchmarks", "__main__"}
PACKAGES = {package.name: package for package in real_packages_list.PACKAGES}


def survey(package: RealPackage) -> dict[str, Any]:
    """The modules, but for tests, that plain Python can import, and why it can't import the others."""
    importable: list[str] = []
    failed: dict[str, str] = {}

    def walk(parent: types.ModuleType) -> None:
        for found in pkgutil.iter_modules(parent.__path__, parent.__name__ + "."):
            last = found.name.rpartition(".")[2]
            if last in NOT_IMPORTED or last.startswith("test_") or last.endswith("_tests"):
                continue
            try:
                module = importlib.import_module(found.name)
            except Exception as error:
                failed[found.name] = f"{type(error).__name__}: {error}"
                continue
            importable.append(found.name)
            if found.ispkg:
                walk(module)

    walk(importlib.import_module(package.name))
    return {"names": [package.name, *importable], "failed": failed}


def import_all(names: list[str]) -> None:
    """Import modules as code outside the lab does."""
    for name in names:
        importlib.import_module(name)


def seen(package: RealPackage) -> list[object]:
    """What the expressions of all edits give now; an exception counts as a value."""
    edits = [package.leaf, package.middle, package.core, *(limit.edit for limit in package.limits)]
    values = []
    for edit in edits:
        try:
            values.append(eval(edit.seen, {package.name: importlib.import_module(package.name)}))
        except Exception as error:
            values.append(f"{type(error).__name__}: {error}")
    found: list[object] = as_json(values)
    return found


def smoke(package: RealPackage) -> object:
    """What the smoke check gives; an exception counts as a value, which no fresh interpreter gives."""
    try:
        return as_json(getattr(real_packages_smoke, package.name)())
    except BaseException:
        return "the smoke check failed: " + traceback.format_exc()


def as_json(value: object) -> Any:
    """A value as it looks after a journey through JSON."""
    return json.loads(json.dumps(value))


def plain(package: RealPackage, names: list[str]) -> dict[str, Any]:
    """Import without hotlab, as a fresh interpreter, and run the smoke check."""
    import_all(names)
    return {"smoke": smoke(package), "seen": seen(package)}


def timed_plain(names: list[str]) -> dict[str, Any]:
    """Import without hotlab and take the time."""
    started = time.perf_counter()
    import_all(names)
    return {"seconds": time.perf_counter() - started}


def timed(package: RealPackage, names: list[str]) -> dict[str, Any]:
    """Import through hotlab and take the time, what `enable` needs included."""
    import hotlab

    started = time.perf_counter()
    hotlab.enable(package.name)
    import_all(names)
    return {"seconds": time.perf_counter() - started}


class Live:
    """The package with hotlab enabled, before and after each edit."""

    def __init__(self, package: RealPackage, names: list[str], folder: str) -> None:
        import hotlab

        self.hotlab = hotlab
        self.package = package
        self.names = names
        self.folder = folder
        self.problems: list[str] = []
        hotlab.enable(package.name)
        import_all(names)

    def run(self) -> dict[str, Any]:
        """All edits, the broken ones, the way back, and the limits."""
        package = self.package
        modules = len(self.hotlab.current(package.name).modules)
        before = smoke(package), seen(package)
        self.compare("before any edit", before, self.fresh())
        texts = {edit.module: self.path(edit.module).read_text("utf-8") for edit in (package.leaf, package.core)}
        texts[package.middle.module] = self.path(package.middle.module).read_text("utf-8")
        edits = [self.edit(place, getattr(package, place)) for place in ("leaf", "middle", "core")]
        sizes = [len(edit["reloaded"]) for edit in edits]
        if sizes != sorted(sizes):
            self.problems.append(f"leaf, middle and core reload {sizes} modules, which is no rising order")
        self.broken(package.leaf.module, "def (:\n", "SyntaxError")
        self.broken(package.core.module, "raise RuntimeError('broken on purpose')\n", "broken on purpose")
        for module, text in texts.items():
            self.path(module).write_text(text, "utf-8")
        back = self.hotlab.refresh(package.name)
        self.expect("back", back.ok and set(back.changed) == set(texts), f"{back.outcome}: {back.error}")
        self.compare("all edits taken back", (smoke(package), seen(package)), before)
        self.no_stale("all edits taken back")
        forget_type_hints()
        gc.collect()
        alive = [generation.number for generation in self.lab().generations_alive()]
        limits = [self.limit(limit) for limit in package.limits]
        return {
            "problems": self.problems,
            "modules": modules,
            "edits": edits,
            "back": {"seconds": back.seconds, "reloaded": len(back.reloaded)},
            "alive": alive,
            "limits": limits,
        }

    def lab(self) -> Any:
        """The lab, which knows its generations."""
        return self.hotlab.enable(self.package.name)

    def path(self, module: str) -> Path:
        """The file of a module."""
        base = Path(self.folder, *module.split("."))
        return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")

    def expect(self, when: str, right: bool, otherwise: str) -> None:
        """Note a problem where something is not right."""
        if not right:
            self.problems.append(f"{when}: {otherwise}")

    def fresh(self) -> tuple[object, object]:
        """What a fresh interpreter gives for the files as they are."""
        answer = child("plain", self.package.name, self.folder, self.names)
        return answer["smoke"], answer["seen"]

    def compare(self, when: str, live: tuple[object, object], fresh: tuple[object, object]) -> None:
        """The smoke check and the public surface must be those of a fresh interpreter."""
        for what, here, there in zip(("smoke check", "public surface"), live, fresh, strict=True):
            self.expect(when, here == there, f"the {what} gives\n  {here}\nand not\n  {there}")

    def no_stale(self, when: str) -> None:
        """No module that is current may hold a function or a class of a module that is not."""
        kept = {name for name, _ in self.package.kept}
        found = sorted(set(stale_names(self.hotlab.current(self.package.name))) - kept)
        self.expect(when, not found, f"{len(found)} names hold code of an older generation: {found[:5]}")

    def edit(self, place: str, edit: Edit) -> dict[str, Any]:
        """Edit one module, refresh, and look from all sides."""
        before = seen(self.package)
        self.replace(edit)
        report = self.hotlab.refresh(self.package.name)
        when = f"{place} {edit.module}"
        self.expect(when, report.ok, f"{report.outcome}: {report.error}")
        self.expect(when, report.changed == (edit.module,), f"the report names {report.changed} as changed")
        self.expect(when, edit.module in report.reloaded, "it was not executed again")
        after = seen(self.package)
        self.expect(when, before != after, f"nothing shows from outside: {edit.seen}")
        fresh = self.fresh()
        self.compare(when, (smoke(self.package), after), fresh)
        self.no_stale(when)
        again = self.hotlab.refresh(self.package.name)
        self.expect(when, again.ok and not again.reloaded, f"a second refresh executed {again.reloaded}")
        return {
            "place": place,
            "module": edit.module,
            "reloaded": list(report.reloaded),
            "seconds": report.seconds,
            "not_reloadable": list(report.not_reloadable),
        }

    def replace(self, edit: Edit) -> None:
        """Change the text of a module."""
        path = self.path(edit.module)
        text = path.read_text("utf-8")
        if text.count(edit.old) != 1 or len(edit.old) == len(edit.new):
            raise SystemExit(f"{edit.module} has {text.count(edit.old)} times {edit.old!r}, or its length stays")
        path.write_text(text.replace(edit.old, edit.new), "utf-8")

    def broken(self, module: str, line: str, said: str) -> None:
        """An edit that is wrong is refused, disturbs nothing, and can be taken back."""
        when = f"broken {module}"
        before = smoke(self.package), seen(self.package)
        number, objects = self.state()
        path = self.path(module)
        text = path.read_text("utf-8")
        path.write_text(text + "\n" + line, "utf-8")
        report = self.hotlab.refresh(self.package.name)
        self.expect(when, not report.ok and report.outcome == "refused", f"it was not refused but {report.outcome}")
        self.expect(when, said in str(report.error) and path.name in str(report.error), f"error: {report.error}")
        self.expect(when, self.state() == (number, objects), "the refused edit left other modules behind")
        self.compare(when, (smoke(self.package), seen(self.package)), before)
        path.write_text(text, "utf-8")
        report = self.hotlab.refresh(self.package.name)
        self.expect(when, report.ok and not report.reloaded, f"taken back: {report.error} {report.reloaded}")

    def state(self) -> tuple[int, dict[str, int]]:
        """The number of the current generation and its module objects, by identity."""
        generation = self.hotlab.current(self.package.name)
        return generation.number, {name: id(module) for name, module in generation.modules.items()}

    def limit(self, limit: real_packages_list.Limit) -> dict[str, Any]:
        """An edit that is known not to come through must behave as it is said to, and leave what was right."""
        edit = limit.edit
        when = f"limit {edit.module}"
        before = smoke(self.package), seen(self.package)
        text = self.path(edit.module).read_text("utf-8")
        self.replace(edit)
        report = self.hotlab.refresh(self.package.name)
        fresh = self.fresh()
        if limit.outcome == "refused":
            self.expect(when, report.outcome == "refused", "it is no longer refused: the limit is gone, say so")
            self.compare(when, (smoke(self.package), seen(self.package)), before)
        else:
            self.expect(when, report.ok, f"{report.outcome}: {report.error}")
            self.expect(when, seen(self.package) != fresh[1], "it is no longer stale: the limit is gone, say so")
        self.path(edit.module).write_text(text, "utf-8")
        back = self.hotlab.refresh(self.package.name)
        self.expect(when, back.ok, f"taken back: {back.error}")
        return {"module": edit.module, "outcome": limit.outcome, "why": limit.why, "error": report.error}


def forget_type_hints() -> None:
    """Empty the caches of `typing`, which keep the classes that 128 subscripted hints or fewer named last."""
    for clear in getattr(typing, "_cleanups", ()):
        clear()


def stale_names(generation: Any) -> Iterator[str]:
    """Names in the current modules that lead to a function of a module that is not current."""
    from hotlab.importing import generation_of

    for name, module in list(generation.modules.items()):
        for key, value in list(vars(module).items()):
            if any(generation_of(function) not in (None, generation) for function in functions_of(value)):
                yield f"{name}.{key}"


def functions_of(value: object) -> list[types.FunctionType]:
    """The plain functions behind a value: itself, what it wraps, the methods of a class."""
    members = list(vars(value).values()) if isinstance(value, type) else [value]
    found = []
    for member in members:
        if isinstance(member, property):
            member = member.fget
        if isinstance(member, (classmethod, staticmethod, types.MethodType)):
            member = member.__func__
        with contextlib.suppress(Exception):
            member = inspect.unwrap(member) if callable(member) else member
        if isinstance(member, types.FunctionType):
            found.append(member)
    return found


def child(mode: str, name: str, folder: str, names: list[str], python: str = sys.executable) -> Any:
    """Run this file in a process of its own, as a user's shell would start it, and return what it printed."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-W", "ignore", __file__, mode, name, folder]
    done = subprocess.run(
        command, input=json.dumps(names), env=environ, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{mode} {name}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(mode: str, name: str, folder: str) -> None:
    """One child: its answer is the last line of its output, whatever the package prints."""
    names = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, folder)
    package = PACKAGES[name]
    work = {
        "survey": lambda: survey(package),
        "plain": lambda: plain(package, names),
        "timed_plain": lambda: timed_plain(names),
        "timed": lambda: timed(package, names),
        "live": lambda: Live(package, names, folder).run(),
    }
    answers.write(json.dumps(work[mode]()) + "\n")
    answers.flush()
    os._exit(0)  # threads that a package left behind must not hold the answer up


if __name__ == "__main__":
    main(*sys.argv[1:])
