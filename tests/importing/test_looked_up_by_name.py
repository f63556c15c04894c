"""Modules that find others by name while they are imported, without an import statement of theirs."""

from __future__ import annotations

import pytest

from tests.importing.lab_on_disk import LabOnDisk

WAYS = {
    "resolve_name": "import pkgutil\nV = pkgutil.resolve_name(__package__ + '.oven:V')",
    "sys.modules": "import sys\nV = sys.modules[__package__ + '.oven'].V",
    "vars": "import sys\nV = vars(sys.modules[__package__ + '.oven'])['V']",
    "getattr of the package": "import sys\nV = getattr(sys.modules[__package__], 'oven').V",
    "exec_module": "from importlib.util import find_spec, module_from_spec\nspec = find_spec(__package__ + '.oven')\n"
    "made = module_from_spec(spec)\nspec.loader.exec_module(made)\nV = made.V",
    "load_module": "import pkgutil, sys, warnings\nwarnings.simplefilter('ignore')\n"
    "for found in pkgutil.iter_modules(sys.modules[__package__].__path__, __package__ + '.'):\n"
    "    if found.name.endswith('.oven'):\n"
    "        V = found.module_finder.find_spec(found.name).loader.load_module(found.name).V",
    "runpy": "import runpy, warnings\nwarnings.simplefilter('ignore')\n"
    "V = runpy.run_module(__package__ + '.oven')['V']",
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_looked_up_by_name_is_a_need(lab: LabOnDisk, way: str) -> None:
    """An edit reaches whoever looked the module up, and whoever imports that one."""
    lab.write(oven="V = 1", user=WAYS[way], top="from .user import V")
    lab.enable()
    lab.module("oven"), lab.module("top")
    for v in (2, 3):
        lab.write(oven=f"V = {v}")
        assert lab.refresh().ok
        assert (v, v) == (lab.module("user").V, lab.module("top").V)
