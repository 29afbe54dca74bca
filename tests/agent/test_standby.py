"""Lives of a pool's member: it stands by, is called, serves, and stands by again or ends."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.endings import Ending
from runs_fleet.errors import NotThere, Refused, Unavailable
from tests.agent import scripts
from tests.agent.conftest import Machine
from tests.agent.fakes import MEMBER, RUNNER, runner_config, standby_config

STANDING_BY_AGAIN = ["standing_by", "ready", "finished registration_lost", "standing_by"]


@pytest.fixture
def member(machine: Machine) -> Machine:
    """A machine that is told to stand by, and whose runner has one job."""
    machine.install(scripts.job("Succeeded"))
    machine.host.given = standby_config()
    return machine


def stand_by(machine: Machine) -> None:
    machine.boot()
    machine.outbox.wait_for("standing_by")


def give(machine: Machine, *, again: bool = False) -> None:
    """Put a runner's config in the place of what is there, and call."""
    machine.host.given = replace(runner_config(), standby=standby_config() if again else None)
    machine.host.call()


def test_a_member_says_that_it_stands_by(member: Machine) -> None:
    stand_by(member)
    said = member.outbox.wait_for("standing_by")
    assert (said.runner, said.machine_id) == (MEMBER, "i-0123")
    give(member)
    member.wait()


def test_a_called_member_becomes_a_runner(member: Machine) -> None:
    stand_by(member)
    give(member)
    assert member.wait() == ["standing_by", "ready", "started", "finished Succeeded"]
    assert member.outbox.wait_for("ready").runner == RUNNER
    assert member.ending is Ending.DONE


def test_the_runners_config_is_removed_and_the_standby_config_is_not(member: Machine) -> None:
    stand_by(member)
    assert member.host.removed == 0
    give(member)
    member.wait()
    assert member.host.removed == 1


def test_a_lost_call_costs_three_polls(member: Machine) -> None:
    stand_by(member)
    member.host.given = runner_config()
    for _ in range(3):
        member.host.call(heard=False)
    assert member.wait()[-1] == "finished Succeeded"


def test_silent_polls_are_mostly_followed_by_no_look(member: Machine) -> None:
    stand_by(member)
    for _ in range(6):
        member.host.call(heard=False)
    member.host.wait_for_looks(3)
    assert member.host.looks == 3, "the first one, and one for every three polls"
    give(member)
    member.wait()


def test_a_call_before_its_config_can_be_read_is_enough(member: Machine) -> None:
    stand_by(member)
    member.host.wait_for_looks(1)
    member.host.call()
    member.host.wait_for_looks(2)
    member.host.given = runner_config()
    assert member.wait()[-1] == "finished Succeeded"


def test_a_call_for_nothing_is_a_question(member: Machine) -> None:
    stand_by(member)
    member.host.call()
    member.outbox.wait_for_story(["standing_by", "standing_by"])
    give(member)
    assert member.wait()[-1] == "finished Succeeded"


@pytest.mark.parametrize("trouble", [NotThere("no queue yet"), Unavailable("away")])
def test_without_a_queue_a_member_looks_by_itself(member: Machine, trouble: Exception) -> None:
    member.host.call_errors = [trouble] * 10_000
    stand_by(member)
    member.host.wait_for_looks(3)
    member.host.given = runner_config()
    assert member.wait()[-1] == "finished Succeeded"


def test_a_store_that_is_away_does_not_end_the_wait(member: Machine) -> None:
    stand_by(member)
    member.host.config_errors = [Unavailable("away"), Unavailable("away")]
    give(member)
    assert member.wait()[-1] == "finished Succeeded"


def test_a_config_that_cannot_be_read_ends_the_member(member: Machine) -> None:
    stand_by(member)
    member.host.config_errors = [Refused("not a config")]
    member.host.call()
    assert member.wait() == ["standing_by", "failed broken"]
    assert member.ending is Ending.NO_CONFIG


def test_a_member_that_nobody_wants_ends_its_machine(member: Machine) -> None:
    member.host.given = standby_config(idle_limit=0.2)
    stand_by(member)
    assert member.wait() == ["standing_by", "finished idle"]
    assert member.ending is Ending.DONE


def test_a_notice_ends_a_members_wait(member: Machine) -> None:
    stand_by(member)
    member.host.notice_detail = "terminate at noon"
    assert member.wait() == ["standing_by", "interrupted"]
    assert member.ending is Ending.INTERRUPTED


def test_a_member_that_is_shut_down_is_not_ended(member: Machine) -> None:
    stand_by(member)
    member.terminate()
    assert member.wait() == ["standing_by"]
    assert (member.ending, member.host.ended) == (Ending.INTERRUPTED, 0)
    member.host.end()


def test_a_runner_without_a_job_stands_by_again(member: Machine) -> None:
    member.install(scripts.REMOVED_WHILE_IDLE)
    stand_by(member)
    give(member, again=True)
    member.outbox.wait_for_story(STANDING_BY_AGAIN)
    member.install(scripts.job("Succeeded"))
    give(member, again=True)
    assert member.wait() == [*STANDING_BY_AGAIN, "ready", "started", "finished Succeeded"]
    keys = [key for key in member.outbox.keys if key.startswith(MEMBER)]
    assert len(set(keys)) == 2, "or a queue takes the second for a repeat"


@pytest.mark.parametrize(
    "body", [scripts.job("Failed"), scripts.CONFLICT, scripts.OUTDATED, scripts.KILLED]
)
def test_after_a_job_or_a_breakdown_there_is_no_again(member: Machine, body: str) -> None:
    member.install(body)
    stand_by(member)
    give(member, again=True)
    assert member.wait().count("standing_by") == 1


def test_a_runner_that_was_told_not_to_does_not_stand_by_again(member: Machine) -> None:
    member.install(scripts.REMOVED_WHILE_IDLE)
    stand_by(member)
    give(member)
    assert member.wait() == STANDING_BY_AGAIN[:-1]


def test_a_config_that_stays_in_the_store_is_not_used_twice(member: Machine) -> None:
    member.install(scripts.REMOVED_WHILE_IDLE)
    stand_by(member)
    member.host.remove_errors = [Unavailable("away")] * 3
    give(member, again=True)
    assert member.wait() == STANDING_BY_AGAIN[:-1]


def test_the_next_runner_finds_nothing_of_the_last(member: Machine) -> None:
    left = [member.runner_dir / name for name in (".runner", ".credentials", "_work/repo/file")]
    member.install("mkdir -p _work/repo; touch .runner .credentials _work/repo/file\n"
                   + scripts.NO_JOB)  # fmt: skip
    stand_by(member)
    give(member, again=True)
    member.outbox.wait_for_story(["standing_by", "ready", "finished no_job", "standing_by"])
    assert [path for path in left if path.exists()] == []
    member.install(scripts.job("Succeeded"))
    give(member)
    member.wait()


def test_what_cannot_be_tidied_is_not_used_again(member: Machine, tmp_path: Path) -> None:
    member.install("ln -s / _work\n" + scripts.NO_JOB)
    stand_by(member)
    give(member, again=True)
    assert member.wait() == ["standing_by", "ready", "finished no_job"]
    assert (tmp_path / "_work").is_symlink()
