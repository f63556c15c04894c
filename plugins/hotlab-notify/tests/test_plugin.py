"""The plugin as hotlab finds it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from hotlab_notify import plugin
from hotlab_notify.plugin import Notifier

from hotlab.refreshing import RefreshReport, load_plugins

if TYPE_CHECKING:
    from tests.conftest import Service


def run_python(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_plugin_is_found_and_its_hook_sends(
    service: Service, refused: RefreshReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its entry point, with its one hook; called through pluggy, a message arrives."""
    plugins = load_plugins()
    (info,) = [info for info in plugins.loaded if info.name == "notify"]
    assert info.distribution == "hotlab-notify"
    assert info.hooks == ("hotlab_refresh_finished",)
    monkeypatch.setattr(plugin, "_notifier", Notifier({"HOTLAB_NOTIFY_URLS": service.url()}))
    plugins.manager.hook.hotlab_refresh_finished(report=refused)
    (body,) = service.wait_for(1)
    assert body["title"] == "[fake_lab] refresh refused at connect"


def test_importing_is_light() -> None:
    """Importing the plugin loads neither apprise nor requests, and starts no thread."""
    run_python(
        """
        import sys, threading
        import hotlab_notify.plugin
        for name in ("apprise", "requests", "urllib3"):
            assert name not in sys.modules, name
        assert threading.active_count() == 1
        """
    )


def test_nobody_to_tell_starts_nothing(refused: RefreshReport) -> None:
    """Installed but not set up, it does nothing and does not load apprise."""
    run_python(
        """
        import sys, threading, types
        from hotlab_notify.plugin import Notifier
        Notifier({}).refresh_finished(types.SimpleNamespace())
        assert "apprise" not in sys.modules
        assert threading.active_count() == 1
        """
    )


def test_process_ends_while_a_target_hangs(service: Service) -> None:
    """A hanging target does not keep the process from ending: it has ended before it is let go."""
    service.hangs = True
    run_python(
        f"""
        import logging
        from hotlab_notify.message import Message
        from hotlab_notify.settings import Address
        from hotlab_notify.target import Target
        logging.disable()
        target = Target(Address({service.url() + "?rto=60"!r}, "URL 1"), timeout=0.1)
        target.put(Message("t", "b", "success"))
        target.wait_until_idle(1.0)
        """
    )
    assert service.reached.is_set()
    assert not service.let_go.is_set()
    assert service.received == []
