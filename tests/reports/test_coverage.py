"""Each public report that is about the engine is put as a test that names it, or is listed here with the reason.

The reports are numbered R01 to R81, their kinds K01 to K20. Of the kinds that the engine answers for, under whichever
label of a report, these lists hold every one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
BRACKETS = re.compile(r"\[([^\]]*\bR\d\d[^\]]*)\]")

KINDS = {
    "K01": "class identity split",
    "K02": "dependants or helpers not reloaded, or in the wrong order",
    "K03": "a failed reload leaves a half state",
    "K04": "false success",
    "K08": "a reload with no real change",
    "K09": "bursts and half-written files",
    "K10": "stale bytecode, or a time stamp taken for content",
    "K11": "left-over or doubled registrations",
    "K12": "threads and locks",
    "K14": "an old generation kept alive, or still acting",
    "K15": "a module that must not be reloaded was",
    "K16": "structure of packages",
    "K18": "pickling across generations",
    "K19": "patching in place",
}

NAMED = {
    "R01": "K01", "R02": "K01 K02", "R03": "K01", "R04": "K01", "R05": "K01", "R06": "K01 K15", "R07": "K18 K01",
    "R08": "K18", "R09": "K02", "R10": "K02", "R11": "K02", "R12": "K02", "R13": "K02", "R14": "K02 K15", "R15": "K02",
    "R16": "K03", "R17": "K03", "R18": "K03", "R19": "K03", "R20": "K03", "R21": "K04 K10", "R22": "K04", "R24": "K04",
    "R25": "K08", "R40": "K16", "R43": "K08", "R44": "K08", "R45": "K08", "R46": "K08 K10", "R47": "K09", "R48": "K09",
    "R49": "K09", "R50": "K10", "R51": "K11", "R52": "K11", "R53": "K11", "R54": "K11 K12", "R55": "K11", "R56": "K12",
    "R57": "K12", "R62": "K14", "R63": "K14", "R64": "K14", "R65": "K15", "R66": "K15", "R67": "K15", "R69": "K16",
    "R70": "K16", "R71": "K19", "R72": "K19", "R73": "K19", "R80": "K03 K14",
}  # fmt: skip
"""The reports that tests name, with their kinds among the engine's."""

LEFT_FOR_LATER = {
    "R23": "K04: is about `hotlab worker`, a command that does not exist yet; `hotlab run` has its test in tests/cli",
    "R68": "K15: upgrades of installed distributions are not tracked yet",
}
"""The reports that no test can put yet."""

PARTS_LEFT_FOR_LATER = {
    "R08": "the refusal names the value, not yet the generation that its class is of",
    "R25": "put for `hotlab run`; for `hotlab worker` once that exists",
    "R52": "that queued tasks whose kind is gone end with a named reason",
    "R53": "unregistering by name at registries that are not hotlab's",
    "R55": "the warning of `hotlab check` about registries that are not hotlab's",
    "R57": "that a refresh asked for while the lab starts waits for it",
    "R62": "that status names what holds an old generation where a driver does not unsubscribe",
    "R63": "that the report names threads which a driver leaves running",
    "R80": "that the report names the participant that ended",
}
"""What a report that is named asks for besides, and no test can put yet."""


def named_in_tests() -> Iterator[tuple[str, str]]:
    """Report and test, for every id in the brackets of a test's docstring."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for brackets in BRACKETS.findall(ast.get_docstring(node) or ""):
                    for report in re.findall(r"R\d\d", brackets):
                        yield report, node.name


def test_every_report_of_the_engines_kinds_is_named_by_a_test() -> None:
    """A report counts as put only by a test whose docstring begins with its id in brackets."""
    assert set(NAMED) - {report for report, _ in named_in_tests()} == set()


def test_every_report_is_either_named_or_left_with_a_reason() -> None:
    """No report is in both lists, none lacks a kind or a reason, and a part left is of a named report."""
    assert not set(NAMED) & set(LEFT_FOR_LATER)
    assert set(PARTS_LEFT_FOR_LATER) <= set(NAMED)
    kinds = [*NAMED.values(), *(reason.partition(":")[0] for reason in LEFT_FOR_LATER.values())]
    assert {kind for each in kinds for kind in each.split()} == set(KINDS)
    assert all(len(reason.split()) > 5 for reason in [*LEFT_FOR_LATER.values(), *PARTS_LEFT_FOR_LATER.values()])


def test_a_test_that_has_a_report_in_its_name_names_it_in_its_docstring() -> None:
    """`test_r12_...` says [R12] too, so that either way of searching finds it."""
    named = set(named_in_tests())
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in re.findall(r"def (test_(?:r\d\d_)+\w+)", path.read_text(encoding="utf-8")):
            for report in re.findall(r"(?<=_)r\d\d(?=_)", name):
                assert (report.upper(), name) in named, f"{name} in {path.name} does not name [{report.upper()}]"
