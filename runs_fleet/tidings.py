"""What a lifecycle tells another job that was lost on one of its runners: pure.

The owner hears what became of a machine, and removes what is left of it; who got the runner could
only ask the cloud, which may have forgotten.
"""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet.deadlines import end_of_runtime
from runs_fleet.ledger import Ledger
from runs_fleet.models import MachineEvent
from runs_fleet.runner import Runner


@dataclass(frozen=True)
class Inform:
    """Tell another job's lifecycle that the machine it was on was taken."""

    to: int
    runner: Runner
    event: MachineEvent


def errand(ledger: Ledger) -> Inform | None:
    """Choose whom to tell, if anybody has to be told."""
    if not ledger.request.one_call:
        return None  # Lifecycles that began before there were tidings go on without.
    for runner in ledger.runners:
        if runner.serving is not None and _mourned(ledger, runner):
            return Inform(runner.serving, runner, _event(runner))
    return None


def _mourned(ledger: Ledger, runner: Runner) -> bool:
    """Whether a runner was taken from another job that does not know it yet.

    When the taking began after that job's end, it may see the end, and must know the order.
    """
    if runner.serving == ledger.request.job_id or runner.informed or runner.machine is None:
        return False
    at = _taken_at(runner)
    # What is taken at the end of its time, this lifecycle has ended.
    return at is not None and at < end_of_runtime(ledger, runner)


def _taken_at(runner: Runner) -> datetime | None:
    """When it was taken; of one that was let go of, when the cloud began to."""
    if runner.lost_at is None or not runner.reclaimed:
        return runner.warned_at
    in_its_midst = runner.spent_at is None or runner.lost_at < runner.spent_at
    return runner.lost_at if in_its_midst else runner.warned_at


def _event(runner: Runner) -> MachineEvent:
    at = _taken_at(runner)
    assert runner.machine is not None
    assert at is not None
    lost = runner.spent_at is None or at < runner.spent_at
    return MachineEvent(
        machine_id=runner.machine.machine_id,
        runner=runner.name,
        kind="gone" if lost else "interruption",
        cause=runner.lost or "gone",
        at=at,
    )
