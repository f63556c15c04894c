"""`importlib.reload` of a lab module, by hand, beside the engine's reloads."""

from __future__ import annotations

import importlib

import pytest

from tests.importing.lab_on_disk import LabOnDisk


def test_a_file_that_is_put_back_after_a_reload_by_hand(lab: LabOnDisk) -> None:
    """What ran by hand over a generation's module is gone with the next refresh, also where the file is as it was."""
    lab.write(oven="V = 1", user="from .oven import V")
    lab.enable()
    lab.module("user")
    oven = lab.module("oven")
    lab.write(oven="V = 2\nimport not_there_at_all")
    with pytest.raises(ModuleNotFoundError):
        importlib.reload(oven)
    assert oven.V == 2
    lab.write(oven="V = 1")
    report = lab.refresh()
    assert report.ok
    assert f"{lab.name}.oven" in report.reloaded
    assert (oven.V, lab.module("user").V) == (1, 1)
    assert lab.refresh().changed == ()
