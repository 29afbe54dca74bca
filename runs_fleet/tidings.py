"""What a lifecycle tells another job that was lost on one of its runners: pure.

The owner hears what became of a machine, and removes what is left of it; who got the runner could
only ask the cloud, which may have forgotten.
"""

from dataclasses import dataclass

from runs_fleet.deadlines import end_of_runtime
from runs_fleet.ledger import Ledger, Runner
from runs_fleet.models import MachineEvent


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
    """Whether a runner was taken in the middle of another job that does not know it yet."""
    if runner.serving == ledger.request.job_id or runner.informed or runner.lost_at is None:
        return False
    if runner.lost_at >= end_of_runtime(ledger, runner):
        return False  # It was this lifecycle that ended it.
    over = runner.spent_at is not None and runner.spent_at <= runner.lost_at
    return runner.reclaimed and runner.machine is not None and not over


def _event(runner: Runner) -> MachineEvent:
    assert runner.machine is not None
    assert runner.lost_at is not None
    return MachineEvent(
        machine_id=runner.machine.machine_id,
        runner=runner.name,
        kind="gone",
        cause=runner.lost,
        at=runner.lost_at,
    )
