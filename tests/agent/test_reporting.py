"""Reports leave in order, signed, and without holding anything up."""

from collections import deque
from collections.abc import Iterator

import pytest

from agent.reporting import WAITING_LIMIT, Reporter
from agent.watch import Say
from runs_fleet.errors import Refused, Unavailable
from tests.agent.fakes import PATIENCE, RUNNER, MemoryOutbox, runner_config


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def reporter(outbox: MemoryOutbox) -> Iterator[Reporter]:
    made = Reporter(outbox.at, runner_config(), machine_id="i-0123", retry_most=0.02)
    yield made
    # Ends its thread, whatever the test did to the queue.
    made.drain(0)


def test_reports_are_signed_and_in_order(outbox: MemoryOutbox, reporter: Reporter) -> None:
    reporter.say(Say("ready"))
    reporter.say(Say("started", job="build"))
    assert reporter.drain(PATIENCE)
    assert outbox.story() == ["ready", "started"]
    assert {(report.runner, report.machine_id) for report in outbox.reports()} == {
        (RUNNER, "i-0123")
    }


def test_no_report_waits_for_the_acknowledgement_of_another(
    outbox: MemoryOutbox, reporter: Reporter
) -> None:
    reporter.say(Say("ready"))
    reporter.say(Say("started", job="build"))
    assert reporter.drain(PATIENCE)
    assert len(outbox.groups) == len(outbox.bodies)


def test_each_report_has_a_key_of_its_own(outbox: MemoryOutbox, reporter: Reporter) -> None:
    reporter.say(Say("interrupted", detail="spot"))
    reporter.say(Say("interrupted", detail="told to stop"))
    reporter.drain(PATIENCE)
    assert len(set(outbox.keys)) == 2


def test_a_queue_that_is_away_delays_but_loses_nothing(
    outbox: MemoryOutbox, reporter: Reporter
) -> None:
    outbox.away = True
    reporter.say(Say("ready"))
    reporter.say(Say("started"))
    outbox.wait_for_refusals(2)
    outbox.away = False
    assert reporter.drain(PATIENCE)
    assert outbox.story() == ["ready", "started"]


def test_draining_gives_up_in_time(outbox: MemoryOutbox, reporter: Reporter) -> None:
    outbox.away = True
    reporter.say(Say("ready"))
    assert not reporter.drain(0.05)


def test_too_many_reports_are_dropped_not_waited_for(
    outbox: MemoryOutbox, reporter: Reporter, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.away = True
    deque(map(reporter.say, [Say("started")] * (WAITING_LIMIT + 2)))
    assert "report dropped, too many wait" in caplog.messages
    assert not reporter.drain(0.01)


def test_an_address_that_cannot_be_used_is_tried_again(outbox: MemoryOutbox) -> None:
    refusals = [Refused("no such stream"), Unavailable("away")]

    def make(address: str) -> MemoryOutbox:
        if refusals:
            raise refusals.pop()
        return outbox.at(address)

    reporter = Reporter(make, runner_config(), machine_id="i-0123", retry_most=0.02)
    reporter.say(Say("ready"))
    assert reporter.drain(PATIENCE)
    assert outbox.story() == ["ready"]
