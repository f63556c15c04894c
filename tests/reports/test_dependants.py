"""Kind K02: dependants or helpers not reloaded, or in the wrong order."""

from __future__ import annotations

import socket

import hotlab
from tests.importing.lab_on_disk import LabOnDisk


def test_r12_a_name_taken_from_another_module_is_new_after_one_refresh(lab: LabOnDisk) -> None:
    """[R12] `from .m import x`, rebound at the top of the file: one refresh shows the file's state."""
    lab.write(m="x = 1", user="from .m import x\ny = x\nx = x + 100")
    lab.enable()
    assert (lab.module("user").x, lab.module("user").y) == (101, 1)
    lab.write(m="x = 2")
    assert lab.refresh().ok
    assert (lab.module("user").x, lab.module("user").y) == (102, 2)
    assert lab.refresh().reloaded == ()


def test_r13_a_main_module_and_its_part_saved_together(lab: LabOnDisk) -> None:
    """[R13] Both edits are in one generation; the new main never met the old part."""
    part = "class A:\n    attribute = {n}"
    main = "from .parts.a import A\nMET = (A.attribute, {n})\ndef seen(): return A.attribute, {n}"
    lab.write(plug__init="", plug__parts__init="", plug__parts__a=part.format(n=1), plug__main=main.format(n=1))
    lab.enable()
    old = lab.module("plug.main").seen
    lab.write(plug__parts__a=part.format(n=2), plug__main=main.format(n=2))
    report = lab.refresh()
    assert report.reloaded == (f"{lab.name}.plug.parts.a", f"{lab.name}.plug.main")
    assert (lab.module("plug.main").MET, lab.module("plug.main").seen(), old()) == ((2, 2), (2, 2), (1, 1))
    assert hotlab.current(lab.name).number == 1


def test_r14_a_stateful_core_is_left_alone(lab: LabOnDisk) -> None:
    """[R14] An edited helper of a rule reloads the rule, not the core with its open socket that the rule uses too."""
    lab.write(
        rules__init="", rules__util="N = 1", core__init="",
        core__nexus="import socket\nleft, right = socket.socketpair()",
        rules__x="from . import util\nfrom ..core import nexus\ndef talk():\n    nexus.left.send(bytes([util.N]))",
    )  # fmt: skip
    lab.enable()
    lab.module("rules.x")
    nexus = hotlab.current(lab.name).modules[f"{lab.name}.core.nexus"]
    left, right = nexus.left, nexus.right
    try:
        lab.write(rules__util="N = 2")
        assert lab.refresh().reloaded == (f"{lab.name}.rules.util", f"{lab.name}.rules.x")
        assert hotlab.current(lab.name).modules[f"{lab.name}.core.nexus"] is nexus
        assert nexus.left is left and left.fileno() >= 0
        lab.module("rules.x").talk()
        assert right.recv(1, socket.MSG_DONTWAIT) == b"\2"
    finally:
        left.close()
        right.close()


def test_r15_a_name_that_an_edit_adds_and_uses(lab: LabOnDisk) -> None:
    """[R15] A new name in b and its import in a, which sorts first: one refresh takes both."""
    lab.write(a="from . import b", b="x = 1", main="from . import a")
    lab.enable()
    lab.module("main")
    lab.write(b="x = 1\nnew_name = 2", a="from .b import new_name")
    report = lab.refresh()
    assert report.ok
    assert report.reloaded == (f"{lab.name}.b", f"{lab.name}.a", f"{lab.name}.main")
    assert lab.module("a").new_name == 2


def test_r11_executions_are_those_of_the_edited_and_their_dependants(lab: LabOnDisk) -> None:
    """[R11] Noted at the end of each execution: an edit of b executes b, then a; an edit of a executes a alone."""
    text = (
        "import tests.reports.executions as executions\n{more}\nexecutions.seen.append(__name__.rpartition('.')[2])\n"
    )
    lab.write(a=text.format(more="from . import b"), b=text.format(more="N = 1"))
    lab.enable()
    from tests.reports import executions

    executions.seen.clear()
    lab.module("a")
    assert executions.seen == ["b", "a"]
    lab.write(b=text.format(more="N = 2"))
    assert lab.refresh().ok
    assert executions.seen == ["b", "a", "b", "a"]
    lab.write(a=text.format(more="from . import b\nN = 3"))
    assert lab.refresh().ok
    assert executions.seen == ["b", "a", "b", "a", "a"]
