"""What a job is told whose machine was another job's, and was taken."""

import pytest

from runs_fleet import tidings
from runs_fleet.decisions import next_step
from runs_fleet.ledger import Ledger
from runs_fleet.models import MachineEvent
from runs_fleet.reruns import TAKEN, owes_rerun, untraced
from runs_fleet.tidings import Inform
from tests.ledgers import MINE, OTHER, THEIRS, at, idle, running, says_cloud, says_github, waiting

SPOT_LOSS = "Server.SpotInstanceTermination"


def robbed() -> Ledger:
    """A job whose runner has another job."""
    ledger = idle(one_call=True)
    says_github(ledger, "in_progress", 40, on=MINE, job_id=OTHER)
    return ledger


def served(*, lost_at: float, conclusion: str = "failure") -> Ledger:
    """A job that failed on another job's runner, and that was told of the machine's end."""
    ledger = waiting(one_call=True)
    says_github(ledger, "in_progress", 40, on=THEIRS)
    told = MachineEvent(
        machine_id="i-9", runner=THEIRS, kind="gone", cause=SPOT_LOSS, at=at(lost_at)
    )
    ledger.note_machine(told, at(lost_at))
    says_github(ledger, "completed", 60, on=THEIRS, conclusion=conclusion)
    return ledger


def test_the_owner_of_a_machine_tells_the_job_that_was_lost_on_it() -> None:
    ledger = robbed()
    says_cloud(ledger, 50, cause=SPOT_LOSS)
    ledger.runners[0].drop("taken", at(50))
    step = next_step(ledger, at(51))
    assert isinstance(step, Inform)
    assert (step.to, step.event.runner, step.event.at) == (OTHER, MINE, at(50))
    step.runner.informed = True
    assert tidings.errand(ledger) is None


def test_a_job_is_told_though_it_is_heard_of_after_the_loss() -> None:
    ledger = idle(one_call=True)
    says_cloud(ledger, 50, cause=SPOT_LOSS)
    says_github(ledger, "in_progress", 55, on=MINE, job_id=OTHER)
    assert tidings.errand(ledger) is not None


def test_a_machine_that_ends_after_the_other_job_is_no_news() -> None:
    ledger = robbed()
    says_github(ledger, "completed", 48, on=MINE, job_id=OTHER, conclusion="failure")
    says_cloud(ledger, 50, cause="shutting-down")
    assert tidings.errand(ledger) is None


def test_nobody_is_told_of_the_machine_of_ones_own_job() -> None:
    ledger = running(one_call=True)
    says_cloud(ledger, 50, cause=SPOT_LOSS)
    assert tidings.errand(ledger) is None


def test_a_lifecycle_that_began_before_there_were_tidings_tells_nobody() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, on=MINE, job_id=OTHER)
    says_cloud(ledger, 50, cause=SPOT_LOSS)
    assert tidings.errand(ledger) is None


@pytest.mark.parametrize("conclusion", ["failure", "cancelled"])
def test_a_job_that_was_told_of_its_machines_end_runs_again_without_asking_the_cloud(
    conclusion: str,
) -> None:
    ledger = served(lost_at=50, conclusion=conclusion)
    assert untraced(ledger) is None
    assert owes_rerun(ledger)


@pytest.mark.parametrize(("lost_at", "conclusion"), [(70, "failure"), (50, "success")])
def test_a_job_that_was_over_before_its_machine_does_not_run_again(
    lost_at: float, conclusion: str
) -> None:
    assert not owes_rerun(served(lost_at=lost_at, conclusion=conclusion))


def test_the_job_that_was_over_is_told_when_its_machine_began_to_be_taken() -> None:
    ledger = robbed()
    says_github(ledger, "completed", 48, on=MINE, job_id=OTHER, conclusion="cancelled")
    ledger.runners[0].drop("taken", at(48))
    says_cloud(ledger, 50, kind="interruption", cause="EvictionByEvictionAPI")
    told = tidings.errand(ledger)
    assert told is not None
    assert (told.to, told.event.kind, told.event.at) == (OTHER, "interruption", at(50))


@pytest.mark.parametrize(
    ("warned_at", "conclusion", "again"),
    [(61, "cancelled", False), (60, "cancelled", True), (70, "failure", True)],
)
def test_a_job_that_somebody_cancelled_does_not_run_again_when_its_machine_is_taken_later(
    warned_at: float, conclusion: str, *, again: bool
) -> None:
    ledger = waiting(one_call=True)
    says_github(ledger, "in_progress", 40, on=THEIRS)
    says_github(ledger, "completed", 60, on=THEIRS, conclusion=conclusion)
    ledger.trace = TAKEN
    told = MachineEvent(machine_id="i-9", runner=THEIRS, kind="interruption", at=at(warned_at))
    ledger.note_machine(told, at(warned_at))
    assert owes_rerun(ledger) is again


def test_a_pod_that_was_let_go_of_is_still_told_of() -> None:
    ledger = robbed()
    ledger.runners[0].drop("taken", at(41))
    says_github(ledger, "completed", 48.2, on=MINE, job_id=OTHER, conclusion="cancelled")
    pod = MachineEvent(
        machine_id="i-1", runner="i-1", kind="gone", cause="EvictionByEvictionAPI", at=at(48)
    )
    ledger.note_machine(pod, at(50))
    told = tidings.errand(ledger)
    assert told is not None
    assert (told.to, told.event.kind, told.event.at) == (OTHER, "gone", at(48))


def test_a_job_cancelled_in_the_second_in_which_its_machine_was_taken_runs_again() -> None:
    assert owes_rerun(served(lost_at=60, conclusion="cancelled"))
    assert not owes_rerun(served(lost_at=61, conclusion="cancelled"))
