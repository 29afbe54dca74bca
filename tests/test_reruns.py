"""Which jobs are run once more: those that were lost with a machine that was taken."""

import itertools
from typing import Any

import pytest

from runs_fleet import answers, names, reruns
from runs_fleet.deadlines import settled_at
from runs_fleet.decisions import Done, Drop, Rerun, Trace, Wait, next_step
from runs_fleet.ledger import Ledger
from runs_fleet.models import MachineStatus, RunnerSpec
from tests.ledgers import (
    MINE,
    OTHER,
    POLICY,
    THEIRS,
    at,
    idle,
    running,
    says_agent,
    says_cloud,
    says_github,
    waiting,
)


def ended(**changes: Any) -> Ledger:
    """A job whose machine was lost before GitHub failed it."""
    ledger = running(**changes)
    says_cloud(ledger, 90)
    says_github(ledger, "completed", 130, conclusion="failure")
    ledger.runners[0].gone_at = at(140)
    return ledger


def test_a_job_lost_with_its_machine_runs_once_more() -> None:
    ledger = ended()
    assert next_step(ledger, at(140)) == Rerun()
    ledger.rerun = "asked"
    assert next_step(ledger, at(140)) == Done()


@pytest.mark.parametrize("changes", [{"run_attempt": 2}, {"spec": RunnerSpec(rerun=False)}])
def test_it_does_not_where_it_should_not(changes: dict[str, Any]) -> None:
    assert not reruns.owes_rerun(ended(**changes))


def test_it_does_not_after_an_operators_word() -> None:
    ledger = ended()
    ledger.over = "released"
    assert not reruns.owes_rerun(ledger)


def test_a_job_that_failed_before_its_machine_went_is_not_run_again() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="failure")
    says_cloud(ledger, 95)
    assert not reruns.owes_rerun(ledger)


def test_a_job_that_failed_within_a_spot_notice_is_not_run_again() -> None:
    ledger = running()
    says_agent(ledger, "interrupted", 60)
    says_agent(ledger, "finished", 90, outcome="Failed")
    says_github(ledger, "completed", 91, conclusion="failure")
    assert not reruns.owes_rerun(ledger)


def test_a_job_cut_short_by_a_spot_loss_is_run_again() -> None:
    ledger = running()
    says_agent(ledger, "interrupted", 60)
    says_agent(ledger, "finished", 180, outcome="Canceled", detail="interrupted")
    says_github(ledger, "completed", 181, conclusion="cancelled")
    assert reruns.owes_rerun(ledger)


def test_a_job_that_a_stopped_agent_cancelled_is_run_again_though_that_is_heard_late() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="cancelled")
    says_agent(ledger, "interrupted", 91)
    assert next_step(ledger, at(91)) == Wait(at(90) + POLICY.finish_grace)
    says_agent(ledger, "finished", 92, outcome="Canceled", detail="interrupted")
    assert next_step(ledger, at(92)) == Drop(ledger.runners[0], "interrupted")
    assert reruns.owes_rerun(ledger)


def test_a_job_that_somebody_cancelled_is_not_run_again_when_its_pod_is_then_removed() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="cancelled")
    ledger.runners[0].drop("job_done", at(100))
    says_agent(ledger, "interrupted", 101)
    says_agent(ledger, "finished", 102, outcome="Canceled", detail="interrupted")
    assert not reruns.owes_rerun(ledger)


def test_another_jobs_runner_is_traced_before_anything_is_removed() -> None:
    ledger = idle()
    ledger.runners[0].drop("not_needed", at(50))
    says_github(ledger, "completed", 90, on=THEIRS, conclusion="failure")
    assert next_step(ledger, at(91)) == Trace(THEIRS)


@pytest.mark.parametrize("told", [True, False])
def test_what_is_left_of_a_lost_machine_stays_for_the_job_that_had_it(*, told: bool) -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    says_cloud(ledger, 50, cause="Evicted") if told else says_agent(ledger, "interrupted", 50)
    says_github(ledger, "completed", 90, job_id=OTHER, conclusion="failure")
    assert settled_at(ledger, ledger.runners[0]) == at(90) + POLICY.finish_grace


def test_a_job_that_failed_on_another_jobs_runner_is_traced_and_run_again_if_it_was_lost() -> None:
    ledger = waiting()
    says_github(ledger, "completed", 90, on=THEIRS, conclusion="failure")
    assert next_step(ledger, at(91)) == Trace(THEIRS)
    ledger.trace = reruns.TAKEN
    assert next_step(ledger, at(91)) == Rerun()


@pytest.mark.parametrize("trace", [reruns.KEPT, reruns.UNKNOWN])
def test_a_job_whose_machine_the_cloud_did_not_take_has_failed_by_itself(trace: str) -> None:
    ledger = waiting()
    says_github(ledger, "completed", 90, on=THEIRS, conclusion="failure")
    ledger.trace = trace
    assert next_step(ledger, at(91)) == Done()


def test_a_job_of_whose_runner_nobody_told_the_end_is_traced() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="failure")
    assert reruns.untraced(ledger) == MINE
    says_agent(ledger, "finished", 91, outcome="Failed")
    assert reruns.untraced(ledger) is None


@pytest.mark.parametrize(("seconds", "traced"), [(89, False), (90, True), (91, False)])
def test_a_loss_at_the_moment_of_the_end_may_be_before_or_after_it(
    seconds: float, *, traced: bool
) -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="failure")
    says_cloud(ledger, seconds)
    assert (reruns.untraced(ledger) is not None) is traced


@pytest.mark.parametrize("on", ["GitHub Actions 3", "their-own-runner"])
def test_a_job_that_failed_on_somebody_elses_runner_is_not_our_concern(on: str) -> None:
    ledger = waiting()
    says_github(ledger, "completed", 90, on=on, conclusion="failure")
    assert reruns.untraced(ledger) is None


def test_a_machine_that_seems_to_run_though_its_job_failed_is_asked_about_again() -> None:
    ledger = waiting(one_call=True)
    says_github(ledger, "completed", 60, on=THEIRS, conclusion="failure")
    runs = [MachineStatus(machine_id="i-9", state="running")]
    answers.traced(ledger, runs, at(61))
    waits = next_step(ledger, at(61))
    assert isinstance(waits, Wait)
    again = at(61) + ledger.request.policy.busy_look
    assert waits.until <= again
    assert next_step(ledger, again) == Trace(THEIRS)
    answers.traced(ledger, [MachineStatus(machine_id="i-9", state="gone", taken=True)], at(90))
    assert isinstance(next_step(ledger, at(90)), Rerun)


def test_a_machine_that_goes_on_running_was_not_lost() -> None:
    ledger = waiting(one_call=True)
    says_github(ledger, "completed", 60, on=THEIRS, conclusion="failure")
    runs = [MachineStatus(machine_id="i-9", state="running")]
    for look in range(answers.LOOKS_FOR_LOST + 1):
        answers.traced(ledger, runs, at(61 + 15 * look))
    assert ledger.trace == reruns.KEPT
    assert isinstance(next_step(ledger, at(200)), Done)


def test_the_order_of_an_agents_last_words_does_not_matter() -> None:
    ledger = running()
    says_github(ledger, "completed", 130, conclusion="cancelled")
    says_agent(ledger, "finished", 131, outcome="Canceled", detail="interrupted")
    says_agent(ledger, "interrupted", 132)
    ledger.runners[0].gone_at = at(140)
    assert reruns.owes_rerun(ledger)


def silent(**changes: Any) -> Ledger:
    """A job in a cluster that failed, and of whose runner nobody has told the end."""
    ledger = running(mode="k8s", one_call=True, **changes)
    says_github(ledger, "completed", 90, conclusion="failure")
    return ledger


def test_a_runner_in_a_cluster_is_traced_before_its_evidence_is_deleted() -> None:
    ledger = silent()
    settled = at(90) + POLICY.finish_grace
    assert next_step(ledger, at(91)) == Wait(settled)
    assert next_step(ledger, settled) == Trace(MINE)
    answers.traced(ledger, [MachineStatus(machine_id=MINE, state="gone", taken=True)], settled)
    assert next_step(ledger, settled) == Drop(ledger.runners[0], "job_done")
    assert reruns.owes_rerun(ledger)


def test_a_runner_whose_loss_the_cluster_may_not_have_noticed_is_kept_and_looked_at_again() -> None:
    ledger = silent()
    looks = [at(90) + POLICY.finish_grace + n * POLICY.busy_look for n in range(5)]
    for now, again in itertools.pairwise(looks):
        assert next_step(ledger, now) == Trace(MINE)
        answers.traced(ledger, [MachineStatus(machine_id=MINE, state="pending")], now)
        assert next_step(ledger, now) == Wait(again)
    assert next_step(ledger, looks[-1]) == Trace(MINE)
    answers.traced(ledger, [MachineStatus(machine_id=MINE, state="pending")], looks[-1])
    assert next_step(ledger, looks[-1]) == Drop(ledger.runners[0], "job_done")
    # It has run a job: if it waits for a pod now, the one that it had was taken.
    assert reruns.owes_rerun(ledger)


def test_a_runner_that_goes_on_running_was_not_lost() -> None:
    ledger = silent()
    for look in range(5):
        now = at(90) + POLICY.finish_grace + look * POLICY.busy_look
        answers.traced(ledger, [MachineStatus(machine_id=MINE, state="running")], now)
    assert not reruns.owes_rerun(ledger)


def test_what_an_agent_tells_meanwhile_ends_the_search() -> None:
    ledger = silent()
    settled = at(90) + POLICY.finish_grace
    answers.traced(ledger, [MachineStatus(machine_id=MINE, state="running")], settled)
    says_agent(ledger, "finished", 105, outcome="Failed")
    assert next_step(ledger, at(105)) == Drop(ledger.runners[0], "job_done")
    assert not reruns.owes_rerun(ledger)


@pytest.mark.parametrize("mode", ["ec2", "k8s"])
def test_a_loss_that_was_noticed_after_the_end_may_have_come_before_it(mode: str) -> None:
    ledger = running(mode=mode, one_call=True)
    says_github(ledger, "completed", 90, conclusion="failure")
    says_cloud(ledger, 95, cause="DisruptionTarget", noticed=True)
    assert reruns.untraced(ledger) == MINE
    ledger.trace = reruns.TAKEN
    assert reruns.owes_rerun(ledger)


def test_what_is_known_of_a_loss_counts_more_than_when_it_was_noticed() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="failure")
    says_cloud(ledger, 95, cause="DisruptionTarget", noticed=True)
    says_cloud(ledger, 93, cause="EvictionByEvictionAPI")
    assert reruns.untraced(ledger) is None
    assert not reruns.owes_rerun(ledger)


def test_a_loss_that_was_noticed_before_the_end_came_before_it() -> None:
    ledger = running()
    says_cloud(ledger, 80, cause="NodeLost", noticed=True)
    says_github(ledger, "completed", 90, conclusion="failure")
    assert reruns.owes_rerun(ledger)


def test_a_job_that_failed_on_a_listening_member_is_traced_and_run_again_if_it_was_lost() -> None:
    ledger = waiting(one_call=True)
    runner = names.member_runner(names.member("ears", "abc123", 2), 1)
    says_github(ledger, "completed", 90, on=runner, conclusion="failure")
    assert next_step(ledger, at(91)) == Trace(runner)
    answers.traced(ledger, [MachineStatus(machine_id="i-9", state="gone", taken=True)], at(91))
    assert next_step(ledger, at(91)) == Rerun()


@pytest.mark.parametrize(("told", "again"), [(90.9, True), (91, False)])
def test_a_job_cancelled_in_the_second_in_which_its_agent_had_to_stop_runs_again(
    told: float, *, again: bool
) -> None:
    ledger = running(one_call=True)
    says_agent(ledger, "interrupted", told)
    says_github(ledger, "completed", 90, conclusion="cancelled")
    # What the cloud says later may be all that is kept of why.
    says_cloud(ledger, 101, cause="DisruptionTarget", noticed=True)
    ledger.trace = reruns.KEPT
    assert reruns.owes_rerun(ledger) is again
