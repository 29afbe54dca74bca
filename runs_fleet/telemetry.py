"""What is told of each runner that goes, as fields of a stream and as metrics; pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from runs_fleet.glossary import CAUSES
from runs_fleet.ledger import Ledger
from runs_fleet.releases import RunnerFacts
from runs_fleet.runner import Runner

# docs/valkey.md has a row for each.
FIELDS = {
    "runner": "the runner's name; an entry that comes twice has the same",
    "job_id": "GitHub's id of the job that it was made for",
    "attempt": "the how manieth runner of that job it was",
    "repo": "the job's repository",
    "workflow": "the job's workflow",
    "job": "the job's name",
    "mode": "ec2 or k8s",
    "pool": "the pool that the job's label names",
    "final": "1 if it was the last runner of a job that is over, else 0",
    "state": "the job's state",
    "conclusion": "what GitHub concluded",
    "cause": "why the runner went",
    "served_job": "the job that GitHub gave it, if any",
    "machine_id": "the machine",
    "machine_type": "the machine's type",
    "market": "spot or on-demand",
    "zone": "where the machine was",
    "price": "what the machine cost per hour, US dollars",
    "queued_at": "when GitHub queued the job",
    "delivered_at": "when its webhook came",
    "ordered_at": "when the runner was first ordered",
    "placed_at": "when its machine was made",
    "ready_at": "when its agent was ready",
    "started_at": "when the job started",
    "completed_at": "when GitHub had concluded the job",
    "released_at": "when the runner was gone",
    "queue_seconds": "how long the job waited, from queued to started",
    "place_seconds": "how long the machine took, from ordered to made",
    "boot_seconds": "how long the runner took, from made to ready",
    "run_seconds": "how long the job took, from started to completed",
    "machine_seconds": "how long there was a machine",
    "cost": "what the machine cost, US dollars",
}
Unit = Literal["Count", "Seconds", "None"]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Metric:
    """One value; dimensions are few and have few values, for each pair is paid for by itself.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
    """

    name: str
    value: float
    unit: Unit
    dimensions: dict[str, str] = field(default_factory=dict)


def facts(ledger: Ledger, runner: Runner) -> RunnerFacts:
    """Gather what a lifecycle knows when it lets a runner go."""
    request, demand = ledger.request, ledger.demand
    others = [each for each in ledger.held if each is not runner]
    return RunnerFacts(
        runner=runner.name,
        job_id=request.job_id,
        attempt=runner.attempt,
        repo=request.scope.repo,
        workflow=request.workflow,
        job=request.name,
        mode=request.mode,
        pool=(request.spec.pool or "") if request.spec else "",
        final=ledger.done and not others,
        state=ledger.state,
        conclusion=demand.conclusion or "",
        cause=runner.cause,
        served_job=runner.serving,
        machine=runner.machine,
        queued_at=request.queued_at,
        delivered_at=request.delivered_at,
        ordered_at=runner.ordered_at,
        placed_at=runner.created_at,
        ready_at=runner.ready_at,
        started_at=demand.started_at,
        completed_at=demand.completed_at,
    )


def fields(facts: RunnerFacts, released_at: datetime) -> dict[str, str]:
    """Write a stream's entry; what is unknown is left out. `FIELDS` tells what each field is."""
    told = facts.model_dump(exclude={"machine"}) | {"released_at": released_at}
    if facts.machine is not None:
        told |= facts.machine.model_dump()
    told |= _spans(facts, released_at) | {"cost": _cost(facts, released_at)}
    return {name: _text(told[name]) for name in FIELDS if told.get(name) not in (None, "")}


def metrics(facts: RunnerFacts, released_at: datetime) -> list[Metric]:
    """Measure a runner that went, and its job if that is over with it."""
    pool = {"Pool": facts.pool or "none"}
    market = {"Market": str(facts.machine.market) if facts.machine else "none"}
    cause = facts.cause if facts.cause in CAUSES else "lost"
    made = [Metric("RunnersReleased", 1, "Count", pool | market | {"Cause": cause})]
    if facts.final:
        how = {"Conclusion": facts.conclusion or facts.state}
        made.append(Metric("JobsOver", 1, "Count", pool | how))
    return [*made, *_measured(facts, released_at, pool=pool, market=market)]


def _measured(
    facts: RunnerFacts, released_at: datetime, *, pool: dict[str, str], market: dict[str, str]
) -> Iterator[Metric]:
    spans, cost = _spans(facts, released_at), _cost(facts, released_at)
    of_the_job = ("queue_seconds", "run_seconds") if facts.final else ()
    for name in (*of_the_job, "place_seconds", "boot_seconds", "machine_seconds"):
        if (seconds := spans[name]) is not None:
            dimensions = pool if name in of_the_job else pool | market
            yield Metric(name.title().replace("_", ""), seconds, "Seconds", dimensions)
    if cost is not None:
        yield Metric("MachineCost", cost, "None", pool | market)


def _spans(facts: RunnerFacts, released_at: datetime) -> dict[str, float | None]:
    return {
        "queue_seconds": _seconds(facts.queued_at, facts.started_at),
        "place_seconds": _seconds(facts.ordered_at, facts.placed_at),
        "boot_seconds": _seconds(facts.placed_at, facts.ready_at),
        "run_seconds": _seconds(facts.started_at, facts.completed_at),
        "machine_seconds": _seconds(facts.placed_at, released_at),
    }


def _cost(facts: RunnerFacts, released_at: datetime) -> float | None:
    if facts.machine is None or facts.machine.price is None or facts.placed_at is None:
        return None
    return round(facts.machine.price * ((released_at - facts.placed_at) / HOUR), 6)


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    """The clocks of GitHub and of ours differ a little: never less than nothing."""
    if since is None or until is None:
        return None
    return max(round((until - since).total_seconds(), 3), 0.0)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return str(int(value)) if isinstance(value, bool) else str(value)
