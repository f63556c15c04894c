"""What a notification says."""

from __future__ import annotations

import attrs
from hotlab_notify.message import MOST_TEXT, compose, is_worth_telling

from hotlab.refreshing import Blocker, RefreshReport


def test_refusal_says_where_why_and_on_what_the_lab_runs(refused: RefreshReport) -> None:
    """Lab, outcome, the failing step with its number, cause, changed modules, digest."""
    message = compose(refused)
    assert message.title == "[fake_lab] refresh refused at connect"
    assert message.kind == "failure"
    for part in (
        "Lab: fake_lab",
        "Outcome: refused",
        "Failed step: 7 connect",
        f"Cause: {refused.error}",
        "Changed modules: fake_lab.devices.furnace, fake_lab.tasks.heating",
        f"Generation: 3 ({refused.digest})",
    ):
        assert part in message.body.splitlines()


def test_success_names_both_digests(done: RefreshReport) -> None:
    """A done refresh says what is live now and what was before, and no failing step."""
    message = compose(done)
    assert (message.title, message.kind) == ("[fake_lab] refresh done", "success")
    assert f"Generation: 4 ({done.digest})" in message.body
    assert f"Before: {done.old_digest}" in message.body
    assert "Failed step" not in message.body
    assert "Cause" not in message.body


def test_deferral_names_what_is_waited_for(deferred: RefreshReport) -> None:
    """A deferred refresh names the tasks it waits for and what they hold."""
    blockers = (Blocker("anneal-7", ("furnace_1", "furnace_2")), Blocker("weigh-2"))
    message = compose(attrs.evolve(deferred, blockers=blockers))
    assert message.kind == "warning"
    assert "Waiting for: anneal-7 (holds furnace_1, furnace_2), weigh-2" in message.body


def test_what_did_not_resume_is_a_warning(done: RefreshReport) -> None:
    """A refresh that is done but left something paused is not shown as a success."""
    message = compose(attrs.evolve(done, resumed_with_errors=("robot_arm: no answer",)))
    assert message.kind == "warning"
    assert "Not resumed, see to it: robot_arm: no answer" in message.body


def test_long_texts_are_shortened(refused: RefreshReport) -> None:
    """Of a long cause the beginning and the end are kept; of many names, how many more."""
    names = tuple(f"lab.m{number}" for number in range(100))
    report = attrs.evolve(refused, error="begin" + "x" * 100_000 + "the end", changed=names)
    body = compose(report).body
    assert len(body) < MOST_TEXT + 2000
    assert "begin" in body
    assert "the end" in body
    assert "and 80 more" in body


def test_a_refresh_without_an_edit_is_no_news(done: RefreshReport, refused: RefreshReport) -> None:
    """Nothing edited and nothing wrong is not told; a failure always is."""
    assert is_worth_telling(done)
    assert not is_worth_telling(attrs.evolve(done, changed=()))
    assert is_worth_telling(attrs.evolve(refused, changed=()))
    assert is_worth_telling(attrs.evolve(done, changed=(), resumed_with_errors=("arm",)))
