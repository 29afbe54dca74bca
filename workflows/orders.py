"""Writes the inputs of the activities from a lifecycle's ledger."""

from datetime import timedelta

from runs_fleet import names, telemetry
from runs_fleet.ledger import Ledger
from runs_fleet.models import (
    JobLookup,
    Machine,
    MachineOrder,
    RegistrationRequest,
    Rung,
    RunnerSpec,
)
from runs_fleet.placed import Placement
from runs_fleet.pools.wire import MemberTake
from runs_fleet.releases import ReleaseRequest
from runs_fleet.runner import Runner


def machine(ledger: Ledger, runner: Runner, rung: Rung) -> MachineOrder:
    """Order a machine under a token that is new for each deliberate try."""
    ledger.orders += 1
    runner.doubtful = True
    return MachineOrder(
        runner=runner.name,
        token=names.token(runner.name, ledger.orders),
        job_id=ledger.request.job_id,
        attempt=runner.attempt,
        repo=ledger.request.scope.repo,
        labels=ledger.request.labels,
        spec=ledger.request.spec or RunnerSpec(),
        rung=rung,
        cache=runner.cache,
    )


def placement(ledger: Ledger, runner: Runner, rung: Rung) -> Placement:
    """Order a machine and its runner's registration at once."""
    order = machine(ledger, runner, rung)
    runner.registering = True
    return Placement(order=order, registration=registration(ledger, runner, None))


def registration(ledger: Ledger, runner: Runner, made: Machine | None) -> RegistrationRequest:
    """Register with exactly the job's labels; JIT adds none.

    The agent's own limits are a little longer than the lifecycle's, which has the better view.
    """
    policy = ledger.request.policy
    return RegistrationRequest(
        runner=runner.name,
        machine_id=made.machine_id if made else "",
        scope=ledger.request.scope,
        labels=ledger.request.labels,
        idle_limit=policy.pickup_timeout + timedelta(minutes=1),
        max_runtime=policy.max_runtime + timedelta(minutes=1),
        wake=runner.wake,
    )


def taking(ledger: Ledger, runner: Runner) -> MemberTake:
    """Make a member that its pool has assigned the job's runner."""
    assert ledger.request.spec is not None, "a refused job takes nothing"
    assert runner.machine is not None, "a member is a machine"
    return MemberTake(
        pool=ledger.request.spec.pool or "",
        member=runner.member,
        machine_id=runner.machine.machine_id,
        runner=runner.name,
        repo=ledger.request.scope.repo,
        start=runner.tier == "stopped",
    )


def release(ledger: Ledger, runner: Runner, *, force: bool) -> ReleaseRequest:
    """Ask for a runner's removal with all that is known of it."""
    return ReleaseRequest(
        runner=runner.name,
        scope=ledger.request.scope,
        runner_id=runner.runner_id,
        machine_id=runner.machine.machine_id if runner.machine else None,
        member="" if runner.cache else runner.member,
        registered=runner.registering,
        spent=runner.spent_quietly,
        force=force,
        config_read=runner.config_read,
        telemetry=telemetry.facts(ledger, runner),
    )


def lookup(ledger: Ledger) -> JobLookup:
    """Name the job to ask GitHub about."""
    return JobLookup(scope=ledger.request.scope, job_id=ledger.request.job_id)
