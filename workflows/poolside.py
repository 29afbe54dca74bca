"""A lifecycle's side of its dealings with a pool; the ledger takes it in."""

from temporalio import workflow

from activities.runners import RunnerActivities
from runs_fleet import answers, claiming, names
from runs_fleet.ledger import Ledger
from runs_fleet.pools.wire import PoolClaim, PoolLeave
from runs_fleet.runner import Runner
from workflows import options, orders
from workflows.answers import answer, delivered, settled


async def claim(ledger: Ledger, asked: PoolClaim) -> None:
    """Ask the pool for a warm member; a pool that is not there has none."""
    ledger.dealings.note_asked(asked.attempt, workflow.now(), waited=asked.waited)

    def heard(known: bool) -> None:
        ledger.dealings.note_heard(workflow.now(), known=known)

    signal = _pool(ledger).signal("claim", asked)
    await delivered(signal, heard, guarded=ledger.request.sparing)


async def leave(ledger: Ledger, told: PoolLeave) -> None:
    """Tell the pool what goes; one that is not there need not know."""

    def heard(known: bool) -> None:
        if not known:
            workflow.logger.info("pool not told: it is not there")
        claiming.sent(ledger, told)

    signal = _pool(ledger).signal("leave", told)
    await delivered(signal, heard, guarded=ledger.request.sparing)


async def take(ledger: Ledger, runner: Runner) -> None:
    """Mark the member as this job's, and start it if it is stopped."""
    taking = workflow.start_activity_method(
        RunnerActivities.take_member,
        orders.taking(ledger, runner),
        summary=f"{runner.tier} member {runner.member} for {runner.name}",
        **options.TAKE,
    )
    try:
        await settled(taking, unneeded=lambda: ledger.demand.phase != "queued")
    finally:
        # A lifecycle that its worker drops from memory ends here too, and knows no answer.
        if taking.done():
            answers.taken(ledger, runner, answer(taking).told, workflow.now())


def _pool(ledger: Ledger) -> workflow.ExternalWorkflowHandle[object]:
    request = ledger.request
    assert request.spec is not None, "a refused job has no pool"
    return workflow.get_external_workflow_handle(names.pool(request.mode, request.spec.pool or ""))
