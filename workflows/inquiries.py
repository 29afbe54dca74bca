"""What a lifecycle asks GitHub and the cloud, and what it tells people; the ledger takes it in."""

from temporalio import workflow

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities
from runs_fleet import answers, notices
from runs_fleet.decisions import UNSERVED
from runs_fleet.ledger import Ledger
from runs_fleet.models import RunnerLookup
from workflows import options, orders
from workflows.answers import answer, settled


async def ask(ledger: Ledger) -> None:
    """Ask GitHub what became of the job; no answer leaves everything as it is."""
    asking = workflow.start_activity_method(
        JobActivities.look_up_job,
        orders.lookup(ledger),
        summary="what became of the job?",
        **options.ASK,
    )
    await settled(asking)
    answers.asked(ledger, answer(asking).told, workflow.now())


async def trace(ledger: Ledger, runner: str) -> None:
    """Ask the cloud whether it took the machine on which the job failed."""
    tracing = workflow.start_activity_method(
        RunnerActivities.find_machines,
        RunnerLookup(runner=runner),
        summary=f"was {runner} lost?",
        **options.TRACE,
    )
    await settled(tracing)
    answers.traced(ledger, answer(tracing).told, workflow.now())


async def rerun(ledger: Ledger) -> None:
    """Have a job run again whose machine was lost."""
    ledger.rerun = "asked"
    asking = workflow.start_activity_method(
        JobActivities.rerun_job,
        orders.lookup(ledger),
        summary="the machine was lost: run the job once more",
        **options.RERUN,
    )
    await settled(asking)
    answers.rerun(ledger, answer(asking).told)


async def tell(ledger: Ledger) -> None:
    """Tell people why no runner comes; that this fails is no reason to stay."""
    ledger.told = "asked"
    telling = workflow.start_activity_method(
        NoticeActivities.tell,
        notices.write(ledger),
        summary=f"tell people at GitHub: {ledger.over}",
        **options.TELL,
    )
    await settled(telling, unneeded=lambda: ledger.over not in UNSERVED)
    answers.told(ledger, answer(telling).told)
    facts = {"told": ledger.told, "reason": ledger.reason}
    workflow.logger.info("people told", extra=facts)
