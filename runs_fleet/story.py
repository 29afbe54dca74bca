"""Tells a lifecycle in words: the page of a job in the Temporal UI, and its outcome."""

from datetime import datetime, timedelta

from runs_fleet.decisions import rungs_of
from runs_fleet.ledger import Ledger, Runner
from runs_fleet.models import Attempt, JobOutcome, JobRequest, RunnerSpec, Timings


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
    head = [f"**{ledger.state}** {_standing(ledger)}".strip(), ""]
    head += [f"- job: {_link(request)}", f"- queued: {_clock(request.queued_at)}"]
    if request.spec is not None:
        head += [f"- asked for: {asked(request.spec)}"]
    if ledger.demand.started_at is not None:
        waited = ledger.demand.started_at - request.queued_at
        head += [f"- started: {_clock(ledger.demand.started_at)} after {_seconds(waited)}"]
    if ledger.demand.completed_at is not None:
        head += [f"- completed: {_clock(ledger.demand.completed_at)}, {ledger.demand.conclusion}"]
    return "\n".join([*head, *(line for runner in ledger.runners for line in _told(runner))])


def _standing(ledger: Ledger) -> str:
    if ledger.over or ledger.reason:
        return ledger.reason
    if ledger.demand.phase == "queued" and ledger.rest_until is not None:
        return f"no capacity; the next pass begins at {_clock(ledger.rest_until)}"
    if ledger.demand.phase == "in_progress":
        mine = ledger.runner(ledger.demand.runner)
        owner = "its own runner" if mine else "a runner made for another job"
        return f"on {ledger.demand.runner or 'an unnamed runner'}, {owner}"
    active = ledger.active
    if ledger.demand.phase == "queued" and active is not None and active.machine is None:
        rungs = rungs_of(ledger)
        return f"order {ledger.orders + 1}, {rungs[ledger.rung % len(rungs)].market}"
    return ""


def _told(runner: Runner) -> list[str]:
    """The short life of one runner, line by line."""
    machine = runner.machine
    made = (
        f"{machine.machine_type} {machine.market} {machine.zone} `{machine.machine_id}`"
        if machine
        else "no machine yet"
    )
    moments = [
        ("ready", runner.ready_at),
        (f"runs job {runner.serving}", runner.serving_since),
        (f"agent says {runner.ended}", runner.ended_at),
        (f"machine lost ({runner.lost})", runner.lost_at),
        (f"let go: {runner.cause}", runner.cause_at),
        ("kept, GitHub says it works", runner.busy_at),
        ("gone", runner.gone_at),
    ]
    lines = ["", f"**Attempt {runner.attempt}** `{runner.name}`: {made}"]
    lines += [f"- {_clock(runner.created_at)} created"] if runner.created_at else []
    lines += [f"- {_clock(at)} {what}" for what, at in moments if at is not None]
    return lines + ([f"- {runner.detail}"] if runner.detail else [])


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
        machine=last.machine if last else None,
        attempts=tuple(_attempt(runner) for runner in ledger.runners),
        timings=_timings(ledger, last, now),
        rerun_requested=ledger.rerun == "requested",
    )


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
    title = f"{request.scope.repo} · {job}"
    return f"[{title}]({request.url})" if request.url else title


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
