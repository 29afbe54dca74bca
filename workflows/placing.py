"""How a lifecycle comes to a machine: in one call with its registration, or before it."""

from typing import Any

from temporalio import workflow

from activities.runners import RunnerActivities
from runs_fleet import answers
from runs_fleet.ledger import Ledger
from runs_fleet.models import Rung
from runs_fleet.runner import Runner
from workflows import options, orders
from workflows.answers import Handle


def begin(ledger: Ledger, runner: Runner, rung: Rung) -> Handle:
    """Order a runner's machine."""
    if ledger.request.one_call:
        placement = orders.placement(ledger, runner, rung)
        return workflow.start_activity_method(
            RunnerActivities.place_runner,
            placement,
            summary=_summary(ledger, runner, rung),
            **options.PLACE,
        )
    order = orders.machine(ledger, runner, rung)
    return workflow.start_activity_method(
        RunnerActivities.create_machine,
        order,
        summary=_summary(ledger, runner, rung),
        **options.CREATE,
    )


def ended(ledger: Ledger, runner: Runner, told: Any) -> None:
    """Take in how an order ended."""
    take_in = answers.placed if ledger.request.one_call else answers.created
    take_in(ledger, runner, told, workflow.now())


def _summary(ledger: Ledger, runner: Runner, rung: Rung) -> str:
    return f"{rung.market}, attempt {runner.attempt}, order {ledger.orders}"
