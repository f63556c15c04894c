"""Plugins found by real installed distributions' metadata."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hotlab.refreshing import load_plugins


def install(site: Path, name: str, module_text: str, version: str = "1.2") -> None:
    """What pip leaves behind: a module and a dist-info folder with an entry point in group ``hotlab``."""
    module = f"plug_{name}"
    (site / f"{module}.py").write_text(module_text)
    info = site / f"hotlab_{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hotlab-{name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[hotlab]\n{name} = {module}\n")


GOOD = "import hotlab\n@hotlab.hookimpl\ndef hotlab_refresh_finished(report): pass\n"
GOOD += "@hotlab.hookimpl\ndef hotlab_stop_launching(refresh): pass\n"


def test_plugins_are_found_with_distribution_version_and_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound one is loaded; broken ones are named with the reason, and take nobody down."""
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path, "zgood", GOOD)
    install(tmp_path, "broken", "import not_there_zz")
    install(tmp_path, "exits", "raise SystemExit(2)")
    install(
        tmp_path,
        "badname",
        "import hotlab\n@hotlab.hookimpl\ndef hotlab_no_such_hook(refresh): pass\n",
    )
    install(
        tmp_path,
        "badargs",
        "import hotlab\n@hotlab.hookimpl\ndef hotlab_connect(refresh, nonsense): pass\n",
    )
    plugins = load_plugins()
    mine = {info.name: info for info in plugins.loaded}
    assert mine["zgood"].distribution == "hotlab-zgood" and mine["zgood"].version == "1.2"
    assert mine["zgood"].hooks == ("hotlab_refresh_finished", "hotlab_stop_launching")
    failed = {failure.name: failure.error for failure in plugins.failed}
    assert "not_there_zz" in failed["broken"] and "SystemExit" in failed["exits"]
    assert "hotlab_no_such_hook" in failed["badname"] and "nonsense" in failed["badargs"]
    assert not any(plugins.manager.has_plugin(name) for name in failed)
    for name in ("zgood", "broken", "exits", "badname", "badargs"):
        sys.modules.pop(f"plug_{name}", None)
