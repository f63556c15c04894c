"""The texts of a synthetic lab's modules: what a lab's authors write, about 110 lines a module."""

from __future__ import annotations

import random
from collections.abc import Sequence

PACKAGE = "benchlab"
EXECUTIONS = "benchlab_executions"
"""A plain module beside the package: the edited modules report to it that they were executed."""

MODULUS = 999_983

HEAD = '''"""{title}."""

from __future__ import annotations

import dataclasses
import enum
import logging
import time
from typing import Any, ClassVar

{imports}

LOG = logging.getLogger(__name__)
CALIBRATION = {calibration}
TOTAL = ({terms}) % {modulus}
'''

BASE = """

REGISTRY: dict[str, type] = {{}}


def register(cls: type) -> type:
    REGISTRY[cls.__qualname__] = cls
    return cls


class Base:
    kind: ClassVar[str] = "base"
    total: ClassVar[int] = TOTAL
    slug: ClassVar[str] = "base"

    def __init__(self, name: str) -> None:
        self.name = name
        self.journal: list[tuple[str, Any]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.slug = cls.__name__.lower()


class BaseDevice(Base):
    kind = "device"

    def connect(self) -> None:
        self.journal.append(("connect", time.monotonic()))

    def disconnect(self) -> None:
        self.journal.append(("disconnect", time.monotonic()))


class BaseTask(Base):
    kind = "task"

    def run(self) -> Any:
        raise NotImplementedError


def probe() -> int:
    return {calibration}
"""

ENUM = """

class {cls}State(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"
    HOLDING = "holding"
    FAULTED = "faulted"

    @property
    def is_free(self) -> bool:
        return self is {cls}State.IDLE
"""

SETTINGS = """

@dataclasses.dataclass
class {cls}Settings:
    port: str = "/dev/tty{number}"
    baud: int = 9600
    timeout: float = {small}.5
    labels: list[str] = dataclasses.field(default_factory=list)

    def described(self) -> str:
        return f"{{self.port}} at {{self.baud}} baud, {{self.timeout}} s"
"""

CLASS = '''

class {cls}({base}):
    """Number {number} of its kind, as it came from the maker."""

    total: ClassVar[int] = TOTAL
    serial = "{serial}"
    limits: ClassVar[dict[str, tuple[float, float]]] = {{
        "temperature": ({small}.0, {number}.0),
        "pressure": (0.1, {small}.5),
    }}
    needs: ClassVar[tuple[type, ...]] = ({needs})

    def __init__(self, name: str = "{lower}") -> None:
        super().__init__(name)
        self.attempts = 0
        self.history: list[float] = []

    @property
    def description(self) -> str:
        return f"{{self.name}} ({{self.serial}}), {{len(self.history)}} values"

    def within(self, quantity: str, value: float) -> bool:
        low, high = self.limits[quantity]
        return low <= value <= high
'''

METHOD = '''
    def {verb}(self, value: float = {small}.0, *, attempts: int = 3) -> float:
        """{what}"""
        fault: Exception | None = None
        started = time.monotonic()
        for attempt in range(attempts):
            try:
                scaled = {convert}(value) * {factor} + attempt
                if not self.within("temperature", scaled):
                    LOG.debug("%s: %s is out of range", self.name, scaled)
                self.history.append(scaled)
                self.journal.append(("{verb}", time.monotonic() - started))
                return scaled
            except ArithmeticError as error:
                fault = error
                LOG.warning("%s: {verb} failed (%s), attempt %d", self.name, error, attempt)
        raise RuntimeError(f"{{self.name}}: {verb} failed {{attempts}} times") from fault
'''

LATE_METHOD = '''
    def with_partner(self) -> str:
        """Ask for the partner only when it is needed."""
        from {module} import {cls} as Partner

        return Partner.slug
'''

CONVERSION = """

def {convert}(value: float) -> float:
    return {inner}(value) + {small}
"""

EDITED = """

def probe() -> int:
    return {calibration}


note(__name__)
"""

# One function for each form of the statement; the loop around it is measured by itself and taken off.
LOOPS = """

def loop_nothing(rounds: Any) -> None:
    for _ in rounds:
        pass


def loop_import_json(rounds: Any) -> None:
    for _ in rounds:
        import json


def loop_from_json(rounds: Any) -> None:
    for _ in rounds:
        from json import loads
"""

LAB_LOOPS = f"""

def loop_import_module(rounds: Any) -> None:
    for _ in rounds:
        import {PACKAGE}.core.base


def loop_import_as(rounds: Any) -> None:
    for _ in rounds:
        import {PACKAGE}.core.base as base


def loop_from_module(rounds: Any) -> None:
    for _ in rounds:
        from {PACKAGE}.core.base import BaseTask


def loop_from_package(rounds: Any) -> None:
    for _ in rounds:
        from {PACKAGE}.core import BaseTask


def loop_submodule(rounds: Any) -> None:
    for _ in rounds:
        from {PACKAGE}.core import base


def loop_relative(rounds: Any) -> None:
    for _ in rounds:
        from {{dots}}core.base import BaseTask
"""

VERBS = {
    "set_target": "Set the target and wait until it is reached.",
    "read_value": "Read the value and convert it to SI units.",
    "move_slowly": "Move to the position without shaking the sample.",
    "open_door": "Open the door, unless a sample is inside.",
    "make_safe": "Bring everything to its safe state.",
    "self_test": "Run the test of the maker and keep its record.",
    "warm_up": "Wait until the readings have settled.",
}


def head(title: str, imports: Sequence[str], calibration: int, summands: Sequence[str]) -> str:
    """The top of a module, with the total that shows whether all it depends on is up to date."""
    return HEAD.format(
        title=title,
        imports="\n".join(imports),
        calibration=calibration,
        terms=" + ".join(["CALIBRATION", *(f"{cls}.total" for cls in summands)]),
        modulus=MODULUS,
    )


def body(
    rng: random.Random, *, cls: str, base: str, number: int, convert: str, needs: Sequence[str], methods: int
) -> str:
    """The classes of a module."""
    values = {"cls": cls, "number": number, "small": number % 9 + 1, "lower": cls.lower()}
    parts = []
    if rng.random() < 0.35:
        parts.append(ENUM.format(**values))
    if rng.random() < 0.35:
        parts.append(SETTINGS.format(**values))
    listed = "".join(f"{name}, " for name in needs).rstrip()
    serial = f"{rng.getrandbits(48):012x}"
    parts.append(CLASS.format(base=base, serial=serial, needs=listed, **values))
    for verb in rng.sample(sorted(VERBS), methods):
        factor = rng.randrange(2, 90)
        parts.append(METHOD.format(verb=verb, what=VERBS[verb], convert=convert, factor=factor, small=values["small"]))
    return "".join(parts)


def package_text(name: str, exports: dict[str, list[str]]) -> str:
    """The ``__init__`` of a package: it hands on what its children offer."""
    lines = [f'"""The package {name}."""', "", "from __future__ import annotations", ""]
    for child, names in exports.items():
        lines += [f"from .{child} import (", *(f"    {taken}," for taken in names), ")"]
    every = sorted(taken for names in exports.values() for taken in names)
    lines += ["", "__all__ = [", *(f'    "{taken}",' for taken in every), "]", ""]
    return "\n".join(lines)
