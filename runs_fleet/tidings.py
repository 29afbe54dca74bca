"""What a lifecycle tells another job that was lost on one of its runners: pure.

The owner hears what became of a machine, and removes what is left of it; who got the runner could
only ask the cloud, which may have forgotten.
"""

from dataclasses import dataclass

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
    at = runner.lost_at if _in_its_midst(runner) else runner.warned_at
    # What is taken at the end of its time, this lifecycle has ended.
    return at is not None and at < end_of_runtime(ledger, runner)


def _in_its_midst(runner: Runner) -> bool:
    if runner.lost_at is None or not runner.reclaimed:
        return False
    return runner.spent_at is None or runner.lost_at < runner.spent_at


def _event(runner: Runner) -> MachineEvent:
    lost = _in_its_midst(runner)
    at = runner.lost_at if lost else runner.warned_at
    assert runner.machine is not None
    assert at is not None
    return MachineEvent(
        machine_id=runner.machine.machine_id,
        runner=runner.name,
        kind="gone" if lost else "interruption",
        cause=runner.lost,
        at=at,
    )
