"""How the environment is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hotlab_notify.settings import DEFAULT_TIMEOUT, Address, read_settings


def test_nothing_set() -> None:
    """Without settings nobody is told, all outcomes would be, and nothing is wrong."""
    settings = read_settings({})
    assert settings.addresses == ()
    assert settings.outcomes == {"refused", "deferred", "done"}
    assert settings.timeout == DEFAULT_TIMEOUT
    assert settings.problems == ()


def test_urls_and_file_are_joined(tmp_path: Path) -> None:
    """URLs of both sources count, each once, comments and empty lines not."""
    file = tmp_path / "urls"
    file.write_text("# night shift\n\njson://c\njson://a\n")
    environ = {"HOTLAB_NOTIFY_URLS": " json://a\n\tjson://b ", "HOTLAB_NOTIFY_FILE": str(file)}
    assert read_settings(environ).addresses == (
        Address("json://a", "URL 1 of HOTLAB_NOTIFY_URLS"),
        Address("json://b", "URL 2 of HOTLAB_NOTIFY_URLS"),
        Address("json://c", f"line 3 of {file}"),
    )


def test_address_does_not_show_its_url() -> None:
    """The repr of an address holds no password."""
    assert "hunter2" not in repr(Address("json://u:hunter2@host", "URL 1"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOTLAB_NOTIFY_ON", "done,refussed", "'refussed' is no outcome"),
        ("HOTLAB_NOTIFY_TIMEOUT", "soon", "'soon' is no number of seconds above 0"),
        ("HOTLAB_NOTIFY_TIMEOUT", "0", "'0' is no number of seconds above 0"),
        ("HOTLAB_NOTIFY_TIMEOUT", "nan", "'nan' is no number of seconds above 0"),
        ("HOTLAB_NOTIFY_FILE", "/nonexistent/urls", "can't read '/nonexistent/urls'"),
    ],
)
def test_wrong_settings_are_said_and_the_rest_holds(name: str, value: str, said: str) -> None:
    """Each wrong value is one sentence that names the variable; the others hold."""
    settings = read_settings({"HOTLAB_NOTIFY_URLS": "json://a", name: value})
    (problem,) = settings.problems
    assert problem.startswith(name)
    assert said in problem
    assert len(settings.addresses) == 1
    assert settings.timeout == DEFAULT_TIMEOUT


def test_outcomes_are_chosen() -> None:
    """HOTLAB_NOTIFY_ON chooses; set but empty, nothing is told."""
    assert read_settings({"HOTLAB_NOTIFY_ON": "Refused, done"}).outcomes == {"refused", "done"}
    assert read_settings({"HOTLAB_NOTIFY_ON": ""}).outcomes == frozenset()
