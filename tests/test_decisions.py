"""What a lifecycle does next."""

import pytest

from runs_fleet import decisions, judging
from runs_fleet.decisions import Ask, Create, Done, Drop, End, Release, Wait, next_step
from runs_fleet.models import Market
from tests.ledgers import (
    JOB,
    MINE,
    OTHER,
    START,
    THEIRS,
    answered,
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

HOURS = 3600.0


def test_a_queued_job_gets_an_order_on_spot_first() -> None:
    step = next_step(waiting(), at(0))
    assert isinstance(step, Create)
    assert (step.fresh, step.rung.market) == (True, Market.SPOT)


def test_a_job_heard_of_late_is_asked_about_first() -> None:
    ledger = waiting(delivered_at=at(120))
    assert next_step(ledger, at(0)) == Ask()
    ledger.asked_at = at(1)
    assert isinstance(next_step(ledger, at(1)), Create)


def test_a_full_rung_leads_to_the_next_of_the_same_attempt() -> None:
    ledger = waiting()
    ledger.next_runner(at(0))
    ledger.note_full(at(1), rungs=4)
    ledger.note_full(at(1), rungs=4)
    step = next_step(ledger, at(1))
    assert isinstance(step, Create)
    assert (step.fresh, step.rung.market) == (False, Market.ON_DEMAND)


def test_a_full_ladder_rests() -> None:
    ledger = waiting()
    ledger.next_runner(at(0))
    ledger.note_full(at(1), rungs=1)
    assert next_step(ledger, at(1)) == Wait(at(11))
    assert isinstance(next_step(ledger, at(11)), Create)


@pytest.mark.parametrize("losses", [2, 3])
def test_a_job_that_lost_two_machines_buys_on_demand(losses: int) -> None:
    ledger = waiting()
    for number in range(losses):
        made(ledger, number)
        says_cloud(ledger, number, attempt=number + 1)
    assert {rung.market for rung in decisions.rungs_of(ledger)} == {Market.ON_DEMAND}


def test_machines_that_failed_by_themselves_cost_no_spot() -> None:
    ledger = waiting()
    for number in range(3):
        made(ledger, number).drop("boot_timeout", at(number))
        says_cloud(ledger, number, attempt=number + 1)
    assert decisions.rungs_of(ledger)[0].market is Market.SPOT


def test_a_runner_that_was_let_go_of_is_removed_before_anything_else() -> None:
    ledger = idle()
    runner = ledger.runners[0]
    assert next_step(ledger, at(630)) == Drop(runner, "no_pickup")
    runner.drop("no_pickup", at(630))
    assert next_step(ledger, at(630)) == Release(runner)


def test_a_stolen_runner_is_left_alone_and_replaced_after_a_grace() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    ledger.runners[0].drop("taken", at(40))
    assert next_step(ledger, at(40)) == Wait(at(50))
    assert next_step(ledger, at(50)) == Ask()
    answered(ledger, 50)
    step = next_step(ledger, at(50))
    assert isinstance(step, Create)
    assert step.fresh


def test_no_machine_is_bought_while_github_registers_none() -> None:
    ledger = booting()
    ledger.runners[0].drop("not_registered", at(600))
    ledger.runners[0].gone_at = ledger.asked_at = at(700)
    assert isinstance(next_step(ledger, at(700)), Wait)
    answered(ledger, 800)
    assert isinstance(next_step(ledger, at(800)), Create)


def test_a_job_that_waited_too_long_is_given_up() -> None:
    ledger = waiting()
    ledger.asked_at = at(20 * HOURS)
    step = next_step(ledger, at(20 * HOURS))
    assert step == End("gave_up", "no runner within 20:00:00 of queueing")


def test_a_job_at_its_maximum_runtime_loses_even_its_busy_runner() -> None:
    ledger = running()
    runner, now = ledger.runners[0], at(12 * HOURS + 40)
    runner.drop("max_runtime", now)
    assert next_step(ledger, now) == Release(runner, force=True)
    runner.gone_at = now
    assert next_step(ledger, now) == End("timed_out", "ran longer than 12:00:00")


def test_a_job_whose_runner_says_that_it_ended_has_not_timed_out() -> None:
    ledger = running()
    says_agent(ledger, "finished", 90, outcome="Succeeded")
    ledger.runners[0].drop("max_runtime", at(12 * HOURS + 40))
    ledger.runners[0].gone_at = at(12 * HOURS + 41)
    assert not isinstance(next_step(ledger, at(12 * HOURS + 41)), End)


def test_a_job_on_another_runner_is_not_waited_for_for_ever() -> None:
    ledger = waiting()
    says_github(ledger, "in_progress", 40, on=THEIRS)
    ledger.asked_at = at(13 * HOURS)
    assert isinstance(next_step(ledger, at(13 * HOURS)), Wait)
    assert isinstance(next_step(ledger, at(13 * HOURS + 40)), End)


def test_the_end_comes_when_all_runners_are_gone() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="success")
    runner = ledger.runners[0]
    runner.drop("job_done", at(100))
    ledger.note_kept(runner, at(100), busy=True)
    assert next_step(ledger, at(100)) == Wait(at(115))
    runner.gone_at = at(116)
    assert next_step(ledger, at(116)) == Done()


@pytest.mark.parametrize(("job_id", "force"), [(JOB, True), (OTHER, False)])
def test_an_operators_word_takes_a_busy_runner_of_this_job_only(
    job_id: int, *, force: bool
) -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=job_id)
    ledger.over = "released"
    assert judging.forced(ledger, ledger.runners[0], at(60)) is force


def test_an_idle_runner_goes_by_the_guarded_order_even_then() -> None:
    ledger = idle()
    ledger.over = "released"
    assert not judging.forced(ledger, ledger.runners[0], at(60))


@pytest.mark.parametrize(
    ("minted", "outcome", "quiet"),
    [(True, "Succeeded", True), (True, "no_job", False), (False, "Succeeded", False)],
)
def test_a_spent_runner_needs_no_delete_if_its_one_registration_ran_the_job(
    outcome: str, *, minted: bool, quiet: bool
) -> None:
    ledger = running()
    ledger.runners[0].runner_id = 1 if minted else None
    says_github(ledger, "completed", 90, conclusion="success")
    says_agent(ledger, "finished", 91, outcome=outcome)
    assert ledger.runners[0].spent_quietly is quiet


def test_the_served_runner_need_not_be_the_latest_attempt() -> None:
    ledger = booting()
    ledger.runners[0].drop("boot_timeout", at(600))
    ledger.note_kept(ledger.runners[0], at(601), busy=True)
    second = made(ledger, 610)
    says_github(ledger, "completed", 700, on=MINE, conclusion="success")
    assert next_step(ledger, at(700)) == Drop(second, "job_done")
    second.drop("job_done", at(700))
    second.gone_at = at(701)
    assert next_step(ledger, at(710)) == Release(ledger.runners[0])
    assert ledger.demand.runner == MINE


def test_nothing_is_decided_before_its_time() -> None:
    assert next_step(booting(), START) == Wait(at(600))
