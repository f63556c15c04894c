"""A lab package of exactly N modules, with its graph known: written to disk, and described by a :class:`LabPlan`.

Layers core, utils, devices and tasks; sub-packages of about 25 modules; each package re-exports what its modules
offer. Each module computes a total from its own calibration and the totals of what it imports, so that one stale
module anywhere shows in the totals of the modules above it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import module_texts as texts
from module_texts import EXECUTIONS, MODULUS, PACKAGE

SMALLEST = 14
GROUP = 26  # a sub-package: 25 modules and its __init__
SAVED = 1_700_000_000
"""When the files were saved last, in epoch seconds: long ago, as most files of a lab."""

LAYERS = {"core": 0.06, "utils": 0.12, "devices": 0.42, "tasks": 0.40}
KINDS = {
    "core": ("protocol", "geometry"),
    "utils": ("conversion", "filters"),
    "devices": ("furnace", "robot_arm", "balance", "pump", "camera"),
    "tasks": ("weigh", "anneal", "transfer", "measure"),
}
BASE = f"{PACKAGE}.core.base"


@dataclasses.dataclass
class LabModule:
    """One module: its place, what it imports, and the number that an edit changes.

    Attributes:
        imports: names of the modules that its import statements name.
        late: names of those it imports inside a function.
        summed: names of the modules whose totals it adds up.
        exports: what a package re-exports: the name, and the module it comes from.
    """

    name: str
    layer: str
    path: str
    number: int = 0
    is_package: bool = False
    calibration: int = 0
    imports: list[str] = dataclasses.field(default_factory=list)
    late: list[str] = dataclasses.field(default_factory=list)
    summed: list[str] = dataclasses.field(default_factory=list)
    exports: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def parent(self) -> str:
        """The name of the package it is in."""
        return self.name.rpartition(".")[0]

    @property
    def cls(self) -> str:
        """The name of its class."""
        kind = self.name.rpartition(".")[2].rpartition("_")[0]
        return "".join(word.capitalize() for word in kind.split("_")) + f"{self.number:04d}"

    @property
    def convert(self) -> str:
        """The name of its function, in core and utils."""
        return f"convert_{self.number:04d}"


@dataclasses.dataclass
class LabPlan:
    """A lab package that was written: its modules by name, and what the benchmark edits.

    Attributes:
        root: the folder that holds the package.
        order: the modules, dependencies before dependants.
        targets: the edited modules: ``leaf``, ``mid``, ``core``.
    """

    root: str
    modules: dict[str, LabModule]
    order: list[str]
    targets: dict[str, str]
    lines: int = 0

    def affected(self, name: str) -> set[str]:
        """The module, and all that import it, directly or not, at their top or inside a function."""
        users: dict[str, list[str]] = {}
        for module in self.modules.values():
            for needed in [*module.imports, *module.late]:
                users.setdefault(needed, []).append(module.name)
        found, todo = {name}, [name]
        while todo:
            fresh = [user for user in users.get(todo.pop(), ()) if user not in found]
            found.update(fresh)
            todo += fresh
        return found

    def totals(self) -> dict[str, int]:
        """The total that each module must have, from the calibrations as they are now."""
        found: dict[str, int] = {}
        for name in self.order:
            module = self.modules[name]
            if not module.is_package:
                found[name] = (module.calibration + sum(found[needed] for needed in module.summed)) % MODULUS
        return found

    def save(self) -> None:
        """Keep the plan beside the package."""
        (Path(self.root) / "plan.json").write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, root: Path) -> LabPlan:
        """Read the plan of a package that was written before."""
        kept = json.loads((root / "plan.json").read_text(encoding="utf-8"))
        kept["modules"] = {name: LabModule(**module) for name, module in kept["modules"].items()}
        return cls(**kept)


def write_lab(root: Path, count: int, seed: int = 4) -> LabPlan:
    """Write a lab package of `count` modules into a folder, afresh.

    Raises:
        ValueError: the count is smaller than the layers need.
    """
    if count < SMALLEST:
        raise ValueError(f"a lab needs at least {SMALLEST} modules, not {count}")
    rng = random.Random(seed * 1_000_003 + count)
    modules = {module.name: module for module in _lay_out(root, count)}
    _connect(rng, modules)
    plan = LabPlan(str(root), modules, _in_order(modules), {})
    plan.targets = _targets(plan)
    shutil.rmtree(root, ignore_errors=True)
    for module in modules.values():
        text = _text_of(rng, module, plan)
        plan.lines += text.count("\n")
        _write(Path(module.path), text)
    _write(root / f"{EXECUTIONS}.py", "COUNTS = {}\n\n\ndef note(name):\n    COUNTS[name] = COUNTS.get(name, 0) + 1\n")
    _write(root / "outside_loops.py", "from typing import Any\n" + texts.LOOPS)
    plan.save()
    return plan


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (SAVED, SAVED))


def _lay_out(root: Path, count: int) -> Iterator[LabModule]:
    """The modules without their imports."""
    yield _package(root, PACKAGE, "root")
    for layer in LAYERS:
        yield _package(root, f"{PACKAGE}.{layer}", layer)
    yield LabModule(BASE, "core", str(root / PACKAGE / "core" / "base.py"))
    left = count - 2 - len(LAYERS)
    number = 0
    for layer, share in LAYERS.items():
        here = left if layer == "tasks" else max(1, round((count - 2 - len(LAYERS)) * share))
        left -= here
        for place in _places(f"{PACKAGE}.{layer}", here):
            if place.count(".") > 1 and place.rpartition(".")[2].startswith("group_"):
                yield _package(root, place, layer)
                continue
            number += 1
            kind = KINDS[layer][number % len(KINDS[layer])]
            name = f"{place.rpartition('.')[0]}.{kind}_{number:04d}"
            path = root.joinpath(*name.split(".")).with_suffix(".py")
            yield LabModule(name, layer, str(path), number, calibration=100_000 + number)


def _places(layer: str, count: int) -> Iterator[str]:
    """So many places in a layer: ``layer.group_000`` is a sub-package, ``….x`` a module."""
    groups = 0 if count < GROUP else -(-count // GROUP)
    if not groups:
        yield from (f"{layer}.x" for _ in range(count))
        return
    for group in range(groups):
        package = f"{layer}.group_{group:03d}"
        yield package
        share = (count - groups) // groups + (group < (count - groups) % groups)
        yield from (f"{package}.x" for _ in range(share))


def _package(root: Path, name: str, layer: str) -> LabModule:
    path = root.joinpath(*name.split("."), "__init__.py")
    return LabModule(name, layer, str(path), is_package=True)


def _connect(rng: random.Random, modules: dict[str, LabModule]) -> None:
    """Decide who imports whom. Only what comes before in its layer, or lies below it, so that there is no cycle."""
    modules[BASE].calibration = 500_000
    layers = {
        layer: [module for module in modules.values() if module.layer == layer and module.number] for layer in LAYERS
    }
    for layer, members in layers.items():
        for place, module in enumerate(members):
            near = [other for other in members[max(0, place - 8) : place] if other.parent == module.parent]
            chosen = _sample(rng, near, {"core": 1, "utils": 2, "devices": 2, "tasks": 0}[layer])
            if layer == "utils":
                chosen += _sample(rng, layers["core"], 1)
            elif layer in ("devices", "tasks"):
                chosen += rng.sample(layers["utils"], 1)
            if layer == "tasks":
                chosen += rng.sample(layers["devices"], min(len(layers["devices"]), rng.randrange(1, 4)))
                if rng.random() < 0.08:
                    module.late = [other.name for other in _sample(rng, layers["devices"], 1) if other not in chosen]
            module.summed = [BASE, *(other.name for other in chosen)]
            module.imports = [BASE]
            for other in chosen:
                # People write both: the module itself, and the package that re-exports its class.
                through = layer == "tasks" and other.layer == "devices" and rng.random() < 0.3
                module.imports.append(other.parent if through else other.name)
    for package in sorted((m for m in modules.values() if m.is_package), key=lambda m: -m.name.count(".")):
        _fill(package, modules)


def _sample(rng: random.Random, among: list[LabModule], most: int) -> list[LabModule]:
    return rng.sample(among, rng.randrange(0, min(len(among), most) + 1)) if among else []


def _fill(package: LabModule, modules: dict[str, LabModule]) -> None:
    """What a package imports from its children and re-exports."""
    for child in modules.values():
        if child.parent != package.name:
            continue
        package.imports.append(child.name)
        if child.is_package:
            package.exports.update((name, child.name) for name in child.exports)
        elif child.name == BASE:
            package.exports.update((name, child.name) for name in ("Base", "BaseDevice", "BaseTask"))
        else:
            package.exports[child.cls] = child.name
            if child.layer in ("core", "utils"):
                package.exports[child.convert] = child.name


def _in_order(modules: dict[str, LabModule]) -> list[str]:
    """All modules, what they import before them. Late imports don't count: they run when all is there."""
    order: dict[str, None] = {}
    todo: list[tuple[str, Iterator[str]]] = []
    for name in modules:
        todo.append((name, iter(modules[name].imports)))
        while todo:
            top, needs = todo[-1]
            needed = next((needed for needed in needs if needed not in order), None)
            if needed is not None:
                todo.append((needed, iter(modules[needed].imports)))
            else:
                order.setdefault(top)
                todo.pop()
    return list(order)


def _targets(plan: LabPlan) -> dict[str, str]:
    """The last task; the device whose edit affects about a tenth of the lab; the base of all."""
    tasks = [module.name for module in plan.modules.values() if module.layer == "tasks" and module.number]
    devices = [module.name for module in plan.modules.values() if module.layer == "devices" and module.number]
    tenth = len(plan.modules) / 10
    some = devices[:: max(1, len(devices) // 40)]
    mid = min(some, key=lambda name: abs(len(plan.affected(name)) - tenth))
    return {"leaf": tasks[-1], "mid": mid, "core": BASE}


def _text_of(rng: random.Random, module: LabModule, plan: LabPlan) -> str:
    if module.is_package:
        by_child: dict[str, list[str]] = {}
        for exported, child in module.exports.items():
            by_child.setdefault(child.rpartition(".")[2], []).append(exported)
        return texts.package_text(module.name, by_child)
    edited = module.name in plan.targets.values()
    imports = sorted(set(_import_lines(module, plan.modules)))
    if edited:
        imports.append(f"from {EXECUTIONS} import note")
    known = [plan.modules[name] for name in module.summed]
    summands = ["Base" + _suffix(module) if other.name == BASE else other.cls for other in known]
    text = texts.head(f"The module {module.name}", imports, module.calibration, summands)
    if module.name == BASE:
        return text + texts.BASE.format(calibration=module.calibration) + "\n\nnote(__name__)\n"
    helpers = [other.convert for other in known if other.layer in ("core", "utils") and other.number]
    if module.layer in ("core", "utils"):
        inner = helpers[0] if helpers else "float"
        text += texts.CONVERSION.format(convert=module.convert, inner=inner, small=module.number % 9 + 1)
        helpers = [module.convert]
    needs = [other.cls for other in known if other.layer == "devices"]
    base = f"Base{_suffix(module)}"
    methods = rng.randrange(2, 6)
    text += texts.body(
        rng, cls=module.cls, base=base, number=module.number, convert=helpers[0], needs=needs, methods=methods
    )
    for late in module.late:
        text += texts.LATE_METHOD.format(module=late, cls=plan.modules[late].cls)
    text += f"\n\nregister({module.cls})\n"
    if module.name == plan.targets["leaf"]:
        text += texts.LOOPS + texts.LAB_LOOPS.format(dots="." * module.name.count("."))
    return text + (texts.EDITED.format(calibration=module.calibration) if edited else "")


def _import_lines(module: LabModule, modules: dict[str, LabModule]) -> Iterable[str]:
    """The import statements of a module that is no package."""
    for needed, summed in zip(module.imports, module.summed, strict=True):
        other = modules[summed]
        if needed == BASE:
            yield f"from {BASE} import Base{_suffix(module)}, register"
        elif other.layer in ("core", "utils"):
            yield f"from {needed} import {other.cls}, {other.convert}"
        else:
            yield f"from {needed} import {other.cls}"


def _suffix(module: LabModule) -> str:
    """Which base class a module derives from."""
    return {"devices": "Device", "tasks": "Task"}.get(module.layer, "")
