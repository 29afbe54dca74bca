"""What a lifecycle knows: events in any order, repeated, late, or of somebody else."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.demand import ORDER, Demand
from runs_fleet.models import JobEvent, Machine, MachineEvent, Phase
from tests.ledgers import (
    JOB,
    MINE,
    OTHER,
    THEIRS,
    at,
    booting,
    idle,
    made,
    running,
    says_agent,
    says_cloud,
    says_github,
    waiting,
)

PHASES: tuple[Phase, ...] = ("queued", "in_progress", "completed")


def event(phase: Phase, seconds: float = 0) -> JobEvent:
    return JobEvent(job_id=JOB, phase=phase, runner_name=MINE, at=at(seconds))


@given(st.lists(st.sampled_from(PHASES)))
def test_the_demand_only_ever_moves_forwards(phases: list[Phase]) -> None:
    demand = Demand()
    seen = [ORDER[demand.phase]]
    for phase in phases:
        demand.fold(event(phase))
        seen.append(ORDER[demand.phase])
    assert seen == sorted(seen)
    assert seen[-1] == max([0, *(ORDER[phase] for phase in phases)])


@pytest.mark.parametrize("order", list(itertools.permutations(PHASES)))
def test_the_order_of_events_makes_no_difference(order: tuple[Phase, ...]) -> None:
    demand = Demand()
    for phase in order:
        demand.fold(event(phase, seconds=ORDER[phase]))
    assert (demand.phase, demand.started_at, demand.completed_at) == ("completed", at(1), at(2))


def test_a_repeated_event_is_no_news() -> None:
    ledger = running()
    news = ledger.news_at
    says_github(ledger, "in_progress", 90)
    assert ledger.news_at == news


def test_the_theft_is_known_whichever_event_comes_first() -> None:
    ledger = idle()
    says_github(ledger, "completed", 50, job_id=OTHER)
    says_github(ledger, "in_progress", 60, job_id=OTHER)
    runner = ledger.runners[0]
    assert (runner.serving, runner.spent, runner.running) == (OTHER, True, False)
    assert ledger.demand.phase == "queued"


def test_an_end_that_names_no_runner_is_that_of_the_runner_known() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, on=None, conclusion="success")
    assert ledger.runners[0].spent
    assert ledger.demand.runner == MINE


def test_names_have_no_case() -> None:
    assert idle().runner(MINE.upper()) is not None


def test_strangers_change_nothing() -> None:
    ledger = idle()
    says_agent(ledger, "finished", 50, runner=THEIRS)
    says_cloud(ledger, 50, attempt=9)
    says_github(ledger, "in_progress", 50, job_id=OTHER, on=THEIRS)
    runner = ledger.runners[0]
    assert (runner.ended, runner.lost, runner.serving) == ("", "", None)


def test_the_first_report_of_a_kind_counts() -> None:
    ledger = running()
    says_agent(ledger, "finished", 90, outcome="Failed")
    says_agent(ledger, "finished", 95, outcome="no_job")
    assert (ledger.runners[0].ended, ledger.runners[0].ended_at) == ("Failed", at(90))


@pytest.mark.parametrize(
    ("detail", "minted", "read"),
    [("", True, True), ("config not removed", True, False), ("", False, False)],
)
def test_a_config_counts_as_read_only_if_no_other_can_follow(
    detail: str, *, minted: bool, read: bool
) -> None:
    ledger = booting()
    ledger.runners[0].runner_id = 1 if minted else None
    says_agent(ledger, "ready", 30, detail=detail)
    assert ledger.runners[0].config_read is read


def test_the_end_of_a_machine_after_its_agents_own_is_no_loss() -> None:
    ledger = running()
    says_agent(ledger, "finished", 90, outcome="Failed")
    says_cloud(ledger, 95)
    assert ledger.runners[0].lost == ""


def test_the_end_of_a_machine_before_its_agents_word_is_none_either() -> None:
    ledger = running()
    says_cloud(ledger, 95)
    assert ledger.runners[0].reclaimed
    says_agent(ledger, "finished", 99, outcome="Failed")
    assert not ledger.runners[0].reclaimed


def test_the_end_of_a_machine_that_was_let_go_of_is_no_loss() -> None:
    ledger = booting()
    ledger.runners[0].drop("boot_timeout", at(600))
    says_cloud(ledger, 605)
    assert ledger.runners[0].lost == ""


def test_the_end_of_a_machine_at_its_maximum_runtime_is_no_loss() -> None:
    ledger = running()
    ledger.runners[0].drop("max_runtime", at(600))
    says_cloud(ledger, 605)
    assert ledger.runners[0].lost == ""


@pytest.mark.parametrize("facts", [{"outcome": "interrupted"}, {"outcome": "Canceled"}])
def test_a_runner_that_stops_for_its_machine_is_reclaimed(facts: dict[str, Any]) -> None:
    ledger = running()
    says_agent(ledger, "interrupted", 90)
    says_agent(ledger, "finished", 91, detail="interrupted", **facts)
    assert ledger.runners[0].reclaimed


def test_the_providers_code_says_more_than_a_notice() -> None:
    ledger = running()
    says_cloud(ledger, 90, kind="interruption", cause="terminate")
    says_cloud(ledger, 210, cause="shutting-down")
    assert ledger.runners[0].lost == "interrupted"
    says_cloud(ledger, 211, cause="Server.SpotInstanceTermination")
    assert (ledger.runners[0].lost, ledger.runners[0].lost_at) == (
        "Server.SpotInstanceTermination",
        at(90),
    )


@pytest.mark.parametrize("over", ["gave_up", "vanished"])
def test_a_job_given_up_that_github_runs_is_taken_up_again(over: str) -> None:
    ledger = idle()
    ledger.over, ledger.reason = over, "no runner"
    says_github(ledger, "in_progress", 90)
    assert (ledger.over, ledger.reason, ledger.state) == ("", "", "running")


@pytest.mark.parametrize("over", ["released", "timed_out", "refused"])
def test_other_ends_are_final(over: str) -> None:
    ledger = idle()
    ledger.over = over
    says_github(ledger, "completed", 90, conclusion="success")
    assert ledger.state == over


def test_news_of_a_kept_runner_end_the_patience_with_it() -> None:
    ledger = idle()
    runner = ledger.runners[0]
    runner.drop("taken", at(50))
    for seconds in range(60, 600, 60):
        ledger.note_kept(runner, at(seconds), busy=True)
    says_github(ledger, "completed", 700, job_id=OTHER)
    assert (runner.look_at, runner.looks) == (None, 0)


def test_a_full_ladder_rests_longer_each_time() -> None:
    ledger = waiting()
    ledger.next_runner(at(0))
    rests = []
    for _ in range(8):
        ledger.note_full(at(0), rungs=1)
        rests.append(ledger.rest_until)
    assert rests == [at(s) for s in (10, 20, 40, 80, 160, 320, 600, 600)]


def test_a_job_is_shown_as_placing_booting_idle_running_and_completed() -> None:
    ledger = waiting()
    shown = [ledger.state]
    made(ledger)
    shown.append(ledger.state)
    says_agent(ledger, "ready", 30)
    shown.append(ledger.state)
    says_github(ledger, "in_progress", 40)
    shown.append(ledger.state)
    says_github(ledger, "completed", 50, conclusion="success")
    assert [*shown, ledger.state] == ["placing", "booting", "idle", "running", "completed"]


@pytest.mark.parametrize(("on", "state"), [(None, "cancelled"), (MINE, "completed")])
def test_only_a_job_that_never_ran_counts_as_cancelled(on: str | None, state: str) -> None:
    ledger = idle()
    says_github(ledger, "completed", 90, on=on, conclusion="cancelled")
    assert ledger.state == state


def test_a_job_between_two_attempts_waits() -> None:
    ledger = idle()
    ledger.runners[0].drop("no_pickup", at(700))
    made(ledger, 710)
    ledger.runners[1].drop("no_pickup", at(1500))
    assert ledger.state == "waiting"


@pytest.mark.parametrize(("seconds", "lost"), [(-5, ""), (5, "stopping")])
def test_what_befell_a_pools_machine_before_it_was_given_is_no_loss(
    seconds: float, lost: str
) -> None:
    ledger = booting()
    ledger.runners[0].member = "runs-fleet-pool-warm-sabcdef-1"
    ledger.note_machine(
        MachineEvent(machine_id="i-1", kind="gone", cause="stopping", at=at(seconds)), at(6)
    )
    assert ledger.runners[0].lost == lost


def test_news_of_a_machine_that_comes_before_its_answer_counts() -> None:
    ledger = waiting(one_call=True)
    runner = ledger.next_runner(at(0))
    runner.doubtful = True
    told = MachineEvent(machine_id="i-1", kind="gone", cause="terminated", at=at(1))
    ledger.note_machine(told, at(1))
    ledger.note_machine_made(runner, Machine(machine_id="i-1"), at(2))
    assert (runner.lost, runner.lost_at, ledger.early) == ("terminated", at(1), [])
