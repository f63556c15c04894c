"""Kind K11: left-over or doubled registrations and names."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hotlab
from tests.importing.lab_on_disk import LabOnDisk

WAIT = 20.0
REGISTERS = "from hotlab.importing import registering\nregistering().register({key!r}, {value})\n"


def entries(lab: LabOnDisk) -> list[tuple[object, object]]:
    """What the current generation has registered."""
    return [(entry.key, entry.value) for entry in hotlab.current(lab.name).registry.entries()]


def test_r51_a_function_that_an_edit_removes_is_gone(lab: LabOnDisk) -> None:
    """[R51] Not in the namespace of the new generation, by no way to ask; still there for old tasks."""
    text = "def home(): return 1\ndef primes(): return 'prime' in globals() and prime()\n"
    lab.write(device=text + "def prime(): return 2\nOLD = 1", user="from . import device")
    lab.enable()
    old = lab.module("device").primes
    lab.module("user")
    lab.write(device=text)
    assert lab.refresh().ok
    device = lab.module("device")
    assert not hasattr(device, "prime") and not hasattr(lab.module("user").device, "prime")
    assert not {"prime", "OLD"} & {*vars(device), *dir(device)}
    assert (device.primes(), old()) == (False, 2)
    with pytest.raises(ImportError):
        exec(f"from {lab.name}.device import prime")


def test_r52_what_a_deleted_module_registered_goes_with_it(lab: LabOnDisk) -> None:
    """[R52] With its file and its import deleted; and as long as its import is still there, the edit is refused."""
    lab.write(
        tasks__init="from . import wash, heat", tasks__wash=REGISTERS.format(key="wash", value=1),
        tasks__heat=REGISTERS.format(key="heat", value=1),
    )  # fmt: skip
    lab.enable()
    lab.module("tasks")
    assert entries(lab) == [("wash", 1), ("heat", 1)]
    (lab.folder / lab.name / "tasks" / "wash.py").unlink()
    assert not lab.refresh().ok
    assert entries(lab) == [("wash", 1), ("heat", 1)]
    lab.write(tasks__init="from . import heat")
    assert lab.refresh().ok
    assert entries(lab) == [("heat", 1)]


def test_r53_registrations_do_not_pile_up(lab: LabOnDisk) -> None:
    """[R53] A hook and a callback, registered at import, refreshed five times: one each, that of the last text."""
    text = (
        "from hotlab.importing import registering\nfrom . import hub\n"
        "def on_event(): return {n}\nregistering().register(('hook', 'arm'), on_event)\n"
        "registering().register(('callback', 'arm'), on_event)\n"
    )
    lab.write(hub="N = 0", arm=text.format(n=0))
    lab.enable()
    lab.module("arm")
    for n in range(1, 6):
        lab.write(**({"arm": text.format(n=n)} if n % 2 else {"hub": f"N = {n}", "arm": text.format(n=n)}))
        assert lab.refresh().ok
        registry = hotlab.current(lab.name).registry
        assert [entry.key for entry in registry.entries()] == [("hook", "arm"), ("callback", "arm")]
        assert [entry.value() for entry in registry.entries() if callable(entry.value)] == [n, n]
        assert registry.get(("hook", "arm")) is lab.module("arm").on_event


def test_r54_a_handler_removed_while_two_threads_refresh(lab: LabOnDisk) -> None:
    """[R54] 100 times two refreshes at once, with edits; none is torn, and a removed handler is gone at once."""
    lab.write(arm="")
    lab.enable()
    lab.module("arm")
    start = threading.Barrier(2)

    def refresh() -> int:
        start.wait(WAIT)
        report = lab.refresh()
        assert report.ok
        return int(report.generation)

    with ThreadPoolExecutor(2) as pool:
        for n in range(1, 101):
            more = REGISTERS.format(key="old handler", value=n) if n % 2 else ""
            lab.write(arm=REGISTERS.format(key="handler", value=n) + more)
            numbers = [future.result(WAIT) for future in [pool.submit(refresh), pool.submit(refresh)]]
            assert numbers == [n, n]
            assert entries(lab) == [("handler", n), ("old handler", n)][: 1 + n % 2]


def test_r55_a_closure_registered_at_import_replaces_the_one_before(lab: LabOnDisk) -> None:
    """[R55] Two closures with one qualified name, registered by a module that is executed six times: two each time."""
    text = (
        "from hotlab.importing import registering\ndef make(which):\n    def handler(): return which, {n}\n"
        "    registering().register('closed', handler)\nmake('a')\nmake('b')\n"
    )
    lab.write(hub="", arm=text.format(n=0), main="from . import hub, arm")
    lab.enable()
    lab.module("main")
    for n in range(1, 6):
        lab.write(arm=text.format(n=n))
        assert lab.refresh().ok
        found = [entry.value for entry in hotlab.current(lab.name).registry.entries()]
        assert [handler() for handler in found if callable(handler)] == [("a", n), ("b", n)]
