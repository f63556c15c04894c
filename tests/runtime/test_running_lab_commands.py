"""What another process may ask of a running lab, through the store alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotlab.runtime.running_lab import RunningLab
from hotlab.runtime.store import Store, states

from .conftest import LabFolder, edit, end_of, until

RunLab = Callable[..., RunningLab]


class TestCommands:
    """What another process may ask for, through the store alone."""

    @pytest.fixture
    def running(self, run_lab: RunLab) -> RunningLab:
        return run_lab(
            """
            @add_task
            class Polite(BaseTask):
                def run(self):
                    self.lab_view.sleep(3600)
            """
        )

    def ask(self, running: RunningLab, command: str, /, **arguments: Any) -> dict[str, Any]:
        with Store(running.config.database.url) as store:
            outcome = store.wait_command(store.send_command(command, arguments, "me", 10), 20)
            assert outcome is not None
            return outcome

    def test_submit_and_cancel(self, running: RunningLab) -> None:
        """A task is submitted and cancelled."""
        outcome = self.ask(running, "submit", kind="Polite", parameters={}, priority=3)
        assert outcome["ok"], outcome
        task_id = outcome["task_id"]
        until(lambda: running.store.tasks.get(task_id).state == states.RUNNING)  # type: ignore[union-attr]
        assert self.ask(running, "cancel", task_id=task_id) == {"ok": True, "outcome": "requested"}
        assert end_of(running, task_id).state == states.CANCELLED

    def test_refresh(self, running: RunningLab, lab_folder: LabFolder) -> None:
        """A refresh comes back with its report."""
        edit(lab_folder, "speed = 1", "speed = 9")
        outcome = self.ask(running, "refresh")
        assert outcome["ok"]
        assert outcome["report"]["changed"] == [lab_folder.name]
        edit(lab_folder, "speed = 9", "speed = )")
        outcome = self.ask(running, "refresh")
        assert not outcome["ok"]
        assert outcome["report"]["outcome"] == "refused"

    def test_pausing_a_device_outlives_refreshes(self, running: RunningLab, lab_folder: LabFolder) -> None:
        """What an operator has paused stays paused through a refresh, at every moment of it."""
        assert self.ask(running, "device_pause", devices=["arm"], reason="broken")["ok"]
        released: list[bool] = []
        running.store.changes.subscribe(
            lambda topics: released.append(states.OPERATOR not in running.store.devices.pausers("arm"))
        )
        edit(lab_folder, "speed = 1", "speed = 2")
        assert self.ask(running, "refresh")["ok"]
        assert released
        assert not any(released)
        assert self.ask(running, "device_resume", devices=["arm"])["devices"] == ["arm"]

    @pytest.mark.parametrize(
        ("kind", "arguments", "says"),
        [
            ("dance", {}, "knows no command 'dance'"),
            ("submit", {}, "kind"),
            ("submit", {"kind": "Nope"}, "has no task 'Nope'"),
            ("submit", {"kind": "Polite", "parameters": {"x": 1}}, "x is unknown"),
            ("cancel", {"task_id": "nope"}, "no task nope"),
            ("device_pause", {"devices": ["nope"]}, "no device 'nope'"),
        ],
    )
    def test_what_does_not_fit_is_one_line(
        self, running: RunningLab, kind: str, arguments: dict[str, Any], says: str
    ) -> None:
        """A command that can't be done ends with one clear line, and the lab goes on."""
        outcome = self.ask(running, kind, **arguments)
        assert not outcome["ok"]
        assert says in outcome["error"]
        assert self.ask(running, "ping")["run_id"] == running.run_id
