"""A real HTTP server on this machine, in the moods that services have."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import pytest

from hotlab.refreshing import RefreshReport, StepReport

PATIENCE = 10.0


class Service:
    """A webhook that records what it gets, answers with `status`, or hangs until let go."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[dict[str, Any]] = []
        self.hangs = False
        self.reached = threading.Event()
        self.let_go = threading.Event()
        self._changed = threading.Condition()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.take(body)
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def take(self, body: dict[str, Any]) -> None:
        self.reached.set()
        if self.hangs:
            self.let_go.wait(6 * PATIENCE)
        with self._changed:
            self.received.append(body)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.received) >= count, PATIENCE)
        assert came, f"message {count} did not come; got {self.received}"
        return list(self.received)

    def url(self, tail: str = "", *, login: str = "") -> str:
        return f"json://{login}127.0.0.1:{self._server.server_port}/{tail}"

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()


@pytest.fixture
def make_service() -> Iterator[Callable[[], Service]]:
    made: list[Service] = []

    def make() -> Service:
        made.append(Service())
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(make_service: Callable[[], Service]) -> Service:
    return make_service()


REFUSED = RefreshReport(
    ok=False,
    outcome="refused",
    changed=("fake_lab.devices.furnace", "fake_lab.tasks.heating"),
    reloaded=(),
    error="fake_lab/devices/furnace.py, line 12: SyntaxError: expected ':' <here>",
    failed_step="connect",
    steps=(StepReport(number=7, name="connect", seconds=0.5, ok=False, error="no answer"),),
    generation=3,
    digest="9f2c" * 16,
    old_digest="9f2c" * 16,
    lab="fake_lab",
    id="refresh-1",
    trigger="watcher",
    started=1_700_000_000.0,
    seconds=0.04,
)


@pytest.fixture
def refused() -> RefreshReport:
    return REFUSED


@pytest.fixture
def done() -> RefreshReport:
    return attrs.evolve(
        REFUSED,
        ok=True,
        outcome="done",
        reloaded=("fake_lab.devices.furnace", "fake_lab"),
        error=None,
        failed_step=None,
        steps=(),
        generation=4,
        digest="ab12" * 16,
    )


@pytest.fixture
def deferred(done: RefreshReport) -> RefreshReport:
    return attrs.evolve(done, ok=False, outcome="deferred", failed_step="drain")
