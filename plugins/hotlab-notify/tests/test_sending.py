"""Real deliveries to a real HTTP server, and every way in which one fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hotlab_notify.message import Message
from hotlab_notify.plugin import Notifier
from hotlab_notify.settings import Address
from hotlab_notify.target import Target

from hotlab.refreshing import RefreshReport

if TYPE_CHECKING:
    from tests.conftest import Service

PATIENCE = 10.0
MESSAGE = Message("title", "body", "success")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """At DEBUG, where a password would show if anything logged it."""
    with caplog.at_level(logging.DEBUG):
        yield


def our_lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("hotlab_notify") and record.levelno >= level
    ]


def target_for(url: str, *, timeout: float = PATIENCE, most_waiting: int = 20) -> Target:
    return Target(Address(url, "URL 1"), timeout=timeout, most_waiting=most_waiting)


def idle(notifier: Notifier) -> None:
    assert all(target.wait_until_idle(PATIENCE) for target in notifier.targets())


def test_report_is_delivered(service: Service, refused: RefreshReport) -> None:
    """A report arrives at the service as apprise's JSON, text unharmed."""
    notifier = Notifier({"HOTLAB_NOTIFY_URLS": service.url()})
    notifier.refresh_finished(refused)
    (body,) = service.wait_for(1)
    assert body["title"] == "[fake_lab] refresh refused at connect"
    assert body["type"] == "failure"
    assert str(refused.error) in body["message"]
    idle(notifier)


def test_only_chosen_outcomes_are_told(
    service: Service, refused: RefreshReport, done: RefreshReport, deferred: RefreshReport
) -> None:
    """HOTLAB_NOTIFY_ON holds back the other outcomes; all targets get the same."""
    environ = {
        "HOTLAB_NOTIFY_URLS": f"{service.url('one')} {service.url('two')}",
        "HOTLAB_NOTIFY_ON": "done,deferred",
    }
    notifier = Notifier(environ)
    for report in (refused, done, deferred):
        notifier.refresh_finished(report)
    idle(notifier)
    types = sorted(body["type"] for body in service.wait_for(4))
    assert types == ["success", "success", "warning", "warning"]


def test_hanging_target_delays_neither_refresh_nor_others(
    make_service: Callable[[], Service], refused: RefreshReport
) -> None:
    """With one target hanging the hook returns, and the other target gets every message.

    Not a matter of timing: the hanging one is let go only after all of that has happened.
    """
    hanging, healthy = make_service(), make_service()
    hanging.hangs = True
    notifier = Notifier({"HOTLAB_NOTIFY_URLS": f"{hanging.url()}?rto=60 {healthy.url()}"})
    for count in range(1, 6):
        notifier.refresh_finished(refused)
        healthy.wait_for(count)
    assert hanging.reached.wait(PATIENCE)
    assert hanging.received == []
    sending = [t for t in threading.enumerate() if t.name.startswith("hotlab-notify sends: URL 1")]
    assert len(sending) == 1, "a hanging target costs one thread"
    assert all(thread.daemon for thread in sending)
    hanging.let_go.set()
    hanging.hangs = False
    hanging.wait_for(5)
    idle(notifier)


def test_time_limit_is_logged_with_the_remedy(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A target over its time is logged once, with the variable that sets the limit."""
    service.hangs = True
    target = target_for(f"{service.url()}?rto=60", timeout=0.2)
    logged = threading.Event()
    watch_log = OnRecord("no answer within 0.2 s", logged)
    logging.getLogger("hotlab_notify.target").addHandler(watch_log)
    try:
        target.put(MESSAGE)
        assert logged.wait(PATIENCE)
        service.let_go.set()
        assert target.wait_until_idle(PATIENCE)
    finally:
        logging.getLogger("hotlab_notify.target").removeHandler(watch_log)
    (line,) = our_lines(caplog)
    assert "HOTLAB_NOTIFY_TIMEOUT" in line
    assert any("answered at last" in line for line in our_lines(caplog, logging.INFO))


def test_queue_is_bounded_and_drops_the_oldest(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """More messages than may wait: the oldest go, the newest arrive, and it is logged once."""
    service.hangs = True
    target = target_for(f"{service.url()}?rto=60", most_waiting=3)
    target.put(Message("0", "body", "success"))
    assert service.reached.wait(PATIENCE)
    for number in range(1, 9):
        target.put(Message(str(number), "body", "success"))
    assert target.dropped == 5
    service.hangs = False
    service.let_go.set()
    assert target.wait_until_idle(PATIENCE)
    assert [body["title"] for body in service.received] == ["0", "6", "7", "8"]
    (line,) = our_lines(caplog)
    assert "more than 3 notifications wait" in line


def test_failure_is_logged_once_per_content(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A 500 is logged once however often it comes; another fault, and a recovery, anew."""
    target = target_for(service.url())

    def send(status: int) -> None:
        service.status = status
        target.put(MESSAGE)
        assert target.wait_until_idle(PATIENCE)

    for status in (500, 500, 500, 403, 403, 200, 200, 500):
        send(status)
    lines = our_lines(caplog, logging.INFO)
    assert [("500" in x, "403" in x, "works again" in x) for x in lines] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, False, False),
    ]
    assert "fault of its own" in lines[0]
    assert "check token, password" in lines[1]


def test_unreachable_host_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listening is a failure like any other, with what to check."""
    target = target_for("json://127.0.0.1:9/")
    target.put(MESSAGE)
    assert target.wait_until_idle(PATIENCE)
    (line,) = our_lines(caplog)
    assert line.startswith("hotlab-notify: json://127.0.0.1:9/ (URL 1): not sent: ")
    assert "check that its host can be reached" in line


@pytest.mark.parametrize(
    "url",
    ["jsn://user:hunter2@host/", "hunter2", "user:hunter2@host", "slack://hunter2", "://hunter2",
     "json://"],
)  # fmt: skip
def test_bad_url_is_logged_without_showing_it(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A URL that apprise can't use is named by where it stands, once, and never repeated."""
    target = target_for(url)
    for _ in range(2):
        target.put(MESSAGE)
        assert target.wait_until_idle(PATIENCE)
    (line,) = our_lines(caplog)
    assert "URL 1: not sent: not a notification URL that apprise can use" in line
    assert "https://appriseit.com/services/" in line
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("status", [200, 403, 500])
def test_no_secret_is_logged_even_at_debug(service: Service, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Password, path, header and query of a URL appear in no line of any logger."""
    service.status = status
    secrets = ["hunter2", "pathsecret", "headersecret", "querysecret"]
    url = service.url("pathsecret?+X-Token=headersecret&-key=querysecret", login="operator:hunter2@")
    target = target_for(url)
    target.put(MESSAGE)
    assert target.wait_until_idle(PATIENCE)
    assert service.received
    client = [r.getMessage() for r in caplog.records if r.threadName != "MainThread"]
    assert client, "nothing was logged at all: the test would prove nothing"
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_logging_of_others_through_apprise_is_left_alone(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A lab that uses apprise itself still sees its log lines."""
    target = target_for(service.url())
    target.put(MESSAGE)
    assert target.wait_until_idle(PATIENCE)
    logging.getLogger("apprise").warning("from the lab's own code")
    assert "from the lab's own code" in caplog.text


class OnRecord(logging.Handler):
    """Sets an event when a record with a text comes."""

    def __init__(self, text: str, event: threading.Event) -> None:
        super().__init__()
        self._text = text
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._event.set()
