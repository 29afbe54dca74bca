"""Tells a lifecycle in words: the page of a job in the Temporal UI, and its outcome."""

from datetime import datetime, timedelta

from runs_fleet import claiming, glossary, lending, names
from runs_fleet.decisions import rungs_of
from runs_fleet.glossary import STATES
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobRequest, Machine, RunnerSpec
from runs_fleet.outcomes import Attempt, JobOutcome, Timings
from runs_fleet.runner import Runner


def asked(spec: RunnerSpec) -> str:
    """Say in a few words what machine a label asks for."""
    words = [
        f"{_span(spec.cpu.least, spec.cpu.most)} cpu",
        f"{_span(spec.ram.least, spec.ram.most)} GiB",
    ]
    words += [spec.arch or "any arch", "spot first" if spec.spot else "on-demand"]
    words += [f"families {'+'.join(spec.families)}"] if spec.families else []
    words += [f"generation {spec.gen}"] if spec.gen else []
    words += [f"disk {spec.disk} GiB"] if spec.disk else []
    words += ["private"] if spec.private else []
    words += [f"pool {spec.pool}"] if spec.pool else []
    return ", ".join(words)


def _span(least: int, most: int | None) -> str:
    if most == least:
        return str(least)
    return f"{least}+" if most is None else f"{least} to {most}"


def details(ledger: Ledger) -> str:
    """Write the page of a job: where it stands, and what happened to each runner (markdown)."""
    request = ledger.request
    head = [f"## {_headline(ledger)}", "", *_standing(ledger), f"- job: {_link(request)}"]
    head += [f"- asked for: {asked(request.spec)}"] if request.spec else []
    head += [f"- times (UTC): {_times(ledger)}"]
    head += [f"- `{name}` is left to job {to}" for name, to in ledger.loans.lent.items()]
    return "\n".join([*head, *(line for runner in ledger.runners for line in _told(runner))])


def _headline(ledger: Ledger) -> str:
    demand = ledger.demand
    how = f": {demand.conclusion}" if demand.conclusion and ledger.state == "completed" else ""
    return f"{ledger.state.replace('idle', 'booting')}{how}"


def _standing(ledger: Ledger) -> list[str]:
    """Say in a sentence what is going on, or what has come of it."""
    words = ledger.reason or _on_its_way(ledger)
    return [words, ""] if words else []


def _on_its_way(ledger: Ledger) -> str:
    demand, active = ledger.demand, ledger.active
    if demand.phase == "in_progress" or (demand.phase == "completed" and demand.runner):
        owner = _owner(ledger)
        verb = "Runs" if demand.phase == "in_progress" else "Ran"
        return f"{verb} on `{demand.runner or 'an unnamed runner'}`, {owner}."
    if demand.phase == "completed":
        return "Over before it ran."
    if ledger.rest_until is not None:
        return f"No capacity; the next pass begins at {_clock(ledger.rest_until)}."
    if active is None:
        return _without_runner(ledger)
    if active.machine is None:
        rungs = rungs_of(ledger)
        market = rungs[ledger.rung % len(rungs)].market
        return f"Order {ledger.orders + 1} for `{active.name}`: {market}."
    return f"`{active.name}` {'listens for the job' if active.ready_at else 'boots'}."


def _owner(ledger: Ledger) -> str:
    served = ledger.demand.runner
    if (pooled := names.pool_of(served)) is not None:
        return f"a machine that listened in pool {pooled[0]}"
    return "its own runner" if ledger.runner(served) else "a runner made for another job"


def _without_runner(ledger: Ledger) -> str:
    if claiming.hold_until(ledger) is not None and ledger.request.spec:
        return f"Asks pool {ledger.request.spec.pool} for a warm machine."
    if loans := lending.expected(ledger):
        return f"Waits for `{loans[0].runner}`, which another job left to it."
    return STATES[ledger.state].capitalize() + "."


def _times(ledger: Ledger) -> str:
    request, demand = ledger.request, ledger.demand
    told = [f"queued {_clock(request.queued_at)}"]
    if demand.started_at is not None:
        waited = _seconds(demand.started_at - request.queued_at)
        told += [f"started {_clock(demand.started_at)} (after {waited})"]
    if demand.completed_at is not None:
        told += [f"completed {_clock(demand.completed_at)}"]
    return ", ".join(told)


def _told(runner: Runner) -> list[str]:
    """The short life of one runner, line by line, in the order of time."""
    moments = [
        ("machine created", runner.created_at),
        ("agent: ready", runner.ready_at),
        ("agent: a job has started", runner.started_at),
        (f"GitHub: it has job {runner.serving}", runner.serving_since),
        (f"agent: ended, {_quoted(runner.ended)}", runner.ended_at),
        (f"machine waits: {_quoted(runner.stalled)}", runner.stalled_at),
        (f"machine lost: {_quoted(runner.lost)}", runner.lost_at),
        (f"let go of: {glossary.cause(runner.cause)}", runner.cause_at),
        ("kept, because GitHub says that it works", runner.busy_at),
        ("gone", runner.gone_at),
    ]
    told = sorted(((at, what) for what, at in moments if at is not None), key=lambda one: one[0])
    lines = ["", f"**Attempt {runner.attempt}** · `{runner.name}` · {_made(runner)}", ""]
    lines += [f"- {_clock(at)} {what}" for at, what in told]
    return lines + ([f"- last word: {_quoted(runner.detail)}"] if runner.detail else [])


def _made(runner: Runner) -> str:
    machine = runner.machine
    if machine is None:
        return "no machine"
    tier = f"a {runner.tier} machine of its pool" if runner.tier else ""
    facts = (tier, machine.machine_type, machine.market, machine.zone, f"`{machine.machine_id}`")
    return ", ".join(fact for fact in facts if fact)


def outcome(ledger: Ledger, now: datetime) -> JobOutcome:
    """Write the result of a lifecycle that is over."""
    request, demand = ledger.request, ledger.demand
    served = ledger.runner(demand.runner)
    last = served or (ledger.runners[-1] if ledger.runners else None)
    return JobOutcome(
        job_id=request.job_id,
        repo=request.scope.repo,
        state=ledger.state,
        conclusion=demand.conclusion,
        reason=ledger.reason,
        runner=demand.runner or (last.name if last else ""),
        machine=_machine(ledger, last),
        attempts=tuple(_attempt(runner) for runner in ledger.runners),
        timings=_timings(ledger, last, now),
        cost=_cost(ledger, now),
        rerun_requested=ledger.rerun == "requested",
        told=ledger.told,
    )


def _machine(ledger: Ledger, last: Runner | None) -> Machine | None:
    """Name the machine that had the job, or else the last one that was made for it."""
    booked = ledger.dealings.booked
    if booked is not None and names.pool_of(ledger.demand.runner) is not None:
        return booked.machine
    return last.machine if last else None


def _cost(ledger: Ledger, now: datetime) -> float | None:
    """Sum what the job's machines cost in US dollars, from their making to their end."""
    costs = [
        runner.machine.price * ((runner.gone_at or now) - runner.created_at) / timedelta(hours=1)
        for runner in ledger.runners
        if runner.machine and runner.machine.price is not None and runner.created_at
    ]
    return round(sum(costs), 6) if costs else None


def _timings(ledger: Ledger, last: Runner | None, now: datetime) -> Timings:
    return Timings(
        queued=ledger.request.queued_at,
        delivered=ledger.request.delivered_at,
        placed=last.created_at if last else None,
        ready=last.ready_at if last else None,
        started=ledger.demand.started_at,
        completed=ledger.demand.completed_at,
        released=now,
    )


def _attempt(runner: Runner) -> Attempt:
    return Attempt(
        number=runner.attempt,
        runner=runner.name,
        machine=runner.machine,
        cause=runner.cause,
        detail=runner.detail,
        served_job=runner.serving,
        created_at=runner.created_at,
        ready_at=runner.ready_at,
        ended_at=runner.gone_at,
    )


def _link(request: JobRequest) -> str:
    job = f"{request.workflow or 'workflow'} / {request.name or request.job_id}"
    title = "".join(sign for sign in f"{request.scope.repo} · {job}" if sign not in "[]`<>")
    return f"[{title}]({request.url})" if request.url else title


def _quoted(text: str) -> str:
    """Quote what an agent says: it stands beside untrusted code, and this is markdown."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
