"""Kubernetes mode: from webhook to Job and Secret, from finished pods to nothing, and the cost."""

import asyncio
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from bench import audit, traffic
from bench.audit import Call
from bench.clusters import MINT_SECONDS, Clusters, clusters, last_change
from bench.figures import Aim, Cell, Result, Spread, spread
from bench.histories import costs
from bench.processes import CpuMeter
from bench.progress import Say
from bench.sizes import Sizes

NOTES = [
    "Counted from webhooks leaving GitHub until the API server has answered, by its audit log.",
    f"GitHub takes {MINT_SECONDS * 1000:.0f} ms to mint a JIT config, which the Secret waits for.",
    "Pods are put on nodes and not started: the nodes have no kubelet.",
]
BURST_WITHIN = {100: 4_000, 500: 15_000}
FINISHED_WITHIN = 2_500
MOST_CALLS = 6


class Served(BaseModel):
    """How jobs were served, in milliseconds: `by` is from the first webhook, the rest from own."""

    ack: Spread
    job: Spread
    secret: Spread
    job_by: Spread
    secret_by: Spread
    failed: int

    @property
    def rate(self) -> float:
        """Runners per second."""
        return round(self.secret.count * 1000 / self.secret_by.last, 1)


def kubernetes(sizes: Sizes, say: Say) -> list[Result]:
    """Measure time with pods that are not started, and cost with real agents."""
    with clusters(agents=False) as bare:
        say(f"warming up with {sizes.warm_up} jobs")
        _served_at(bare, 5, sizes.warm_up)
        say(f"{sizes.k8s_single} jobs one at a time")
        single = _single(bare, sizes.k8s_single)
        bursts, cpu = _burst_tables(bare)
        for count in sizes.bursts:
            say(f"burst of {count}")
            _burst(bare, count, bursts=bursts, cpu=cpu)
        say(f"{sizes.k8s_finished} pods finish at once")
        finished = _finished(bare, sizes.k8s_finished)
    with clusters(agents=True) as real:
        say(f"{sizes.k8s_steady} jobs at {sizes.k8s_rate}/s, with agents")
        return [single, bursts, cpu, finished, *_cost(real, sizes.k8s_rate, sizes.k8s_steady)]


def _served_at(bare: Clusters, rate: float, count: int) -> None:
    jobs = traffic.send_at(bare.world, rate, count)
    bare.served(jobs)
    bare.release(jobs)


def _single(bare: Clusters, count: int) -> Result:
    jobs = list[int]()
    for _ in range(count):
        jobs += (sent := traffic.send(bare.world, 1))
        bare.served(sent)
    seen = _served(bare, jobs)
    bare.release(jobs)
    calls = _calls_about(bare.calls(), jobs)
    return Result(
        title=f"Kubernetes {bare.version()}: one job at a time, ms",
        columns=("jobs", *_spreads("ack"), *_spreads("Job"), *_spreads("Secret"), "calls per job"),
        rows=[(count, *_cells(seen.ack), *_cells(seen.job), *_cells(seen.secret), calls)],
        aims=[
            Aim(name="one at a time: Job p50", value=seen.job.p50, at_most=80, unit="ms"),
            Aim(name="one at a time: Secret p50", value=seen.secret.p50, at_most=200, unit="ms"),
            Aim(name="one at a time: API calls per job", value=calls, at_most=MOST_CALLS),
        ],
        notes=[*NOTES, "Calls are those of runs-fleet about these jobs, removal included."],
    )


def _burst_tables(bare: Clusters) -> tuple[Result, Result]:
    by = [f"{what} {name}" for what in ("Job", "Secret") for name in ("p50", "p99", "last")]
    bursts = Result(
        title="Kubernetes: bursts, ms",
        columns=("burst", *_spreads("ack"), "not acked", *by, "runners/s", "calls per job"),
        notes=["All webhooks leave at once; Jobs and Secrets are counted from the first of them."],
    )
    cpu = Result(
        title="Kubernetes: CPU time per job of a burst, ms",
        columns=("burst", *CpuMeter(bare.world).used_ms(), "all"),
        notes=["From the webhooks until all Secrets are there; this program is not counted."],
    )
    return bursts, cpu


def _burst(bare: Clusters, count: int, *, bursts: Result, cpu: Result) -> None:
    meter = CpuMeter(bare.world)
    jobs = traffic.send(bare.world, count)
    bare.served(jobs)
    used = [ms / count for ms in meter.used_ms().values()]
    cpu.rows.append((str(count), *used, sum(used)))
    seen = _served(bare, jobs)
    bare.release(jobs)
    calls = _calls_about(bare.calls(), jobs)
    bursts.rows.append((
        str(count), *_cells(seen.ack), seen.failed, *_cells(seen.job_by),
        *_cells(seen.secret_by), seen.rate, calls,
    ))  # fmt: skip
    bursts.aims += _burst_aims(count, seen, calls)


def _burst_aims(count: int, seen: Served, calls: float) -> list[Aim]:
    name, last = f"Kubernetes, burst of {count}", seen.secret_by.last
    within = BURST_WITHIN.get(count)
    timed = [Aim(name=f"{name}: last Secret", value=last, at_most=within, unit="ms")]
    return [
        Aim(name=f"{name}: not acked", value=seen.failed, at_most=0),
        *(timed if within else []),
        Aim(name=f"{name}: API calls per job", value=calls, at_most=MOST_CALLS),
    ]


def _finished(bare: Clusters, count: int) -> Result:
    """Let pods end and GitHub conclude their jobs, and wait until the last object is gone."""
    jobs = traffic.send(bare.world, count)
    bare.served(jobs)
    meter = CpuMeter(bare.world)
    bare.finish_pods()
    ended = max(c.at for c in bare.calls() if c.resource == "pods" and c.verb == "patch")
    bare.conclude(jobs)
    bare.emptied(jobs, since=ended)
    used = [ms / count for ms in meter.used_ms().values()]
    calls = bare.calls()
    bare.release(jobs)
    asked = spread((at - ended) * 1000 for at in _removals(calls, since=ended).values())
    gone = round((last_change(calls, since=ended) - ended) * 1000, 1)
    return Result(
        title="Kubernetes: pods that finish at once",
        columns=("pods", "Job deleted p50, ms", "p99, ms", "last object gone, ms", "CPU ms, all"),
        rows=[(count, asked.p50, asked.p99, gone, sum(used))],
        aims=[
            Aim(name=f"{count} finished: gone", value=gone, at_most=FINISHED_WITHIN, unit="ms")
        ],
        notes=[
            "Counted from when the last of the pods has Succeeded. No agent runs in them, so GitHub"
            " concludes the jobs as cancelled, at once, and their registrations are deleted too.",
        ],
    )  # fmt: skip


def _cost(real: Clusters, rate: int, count: int) -> list[Result]:
    """Run jobs on real agents, and count what each of them took."""
    before, calls, cpu = real.valkey(), len(real.calls()), CpuMeter(real.world)
    jobs = traffic.send_at(real.world, rate, count)
    traffic.done(real.world, jobs)
    traffic.until(real.remaining, patience=60)
    used = cpu.used_ms()
    streams = {name: total - before.get(name, 0) for name, total in real.valkey().items()}
    made = real.calls()[calls:]
    history = asyncio.run(costs(real.world.temporal.address, jobs))
    events, actions = spread(c.events for c in history), spread(c.billable for c in history)
    of_jobs, all_calls = _calls_about(made, jobs), audit.ours(made)
    mean = round(all_calls.total() / count, 2)
    summary = Result(
        title=f"Kubernetes: cost of a normal job, {count} jobs at {rate}/s with agents",
        columns=("events p50", "actions p50", "API calls about it", "all API calls", "worker ms"),
        rows=[(events.p50, actions.p50, of_jobs, mean, used["worker"] / count)],
        aims=[
            Aim(name="Kubernetes: events of a job, p50", value=events.p50, at_most=50),
            Aim(name="Kubernetes: billable actions, p50", value=actions.p50, at_most=15),
            Aim(name="Kubernetes, with agents: API calls per job", value=mean, at_most=MOST_CALLS),
        ],
        notes=["All API calls are those of the worker: the Lease, watches and sweeps included."],
    )  # fmt: skip
    return [summary, _each("API calls", all_calls, count), _streams(streams, count)]


def _streams(used: Mapping[str, float], count: int) -> Result:
    commands = {name: calls for name, calls in used.items() if calls and name != "cpu"}
    table = _each("Valkey commands", commands, count)
    table.notes = [
        f"They cost Valkey {used['cpu'] / count:.2f} ms of CPU time per job, with every write"
        " synced to disk. Agents' reports, telemetry and polling are all in it.",
    ]
    return table


def _each(what: str, used: Mapping[str, float], count: int) -> Result:
    rows: list[tuple[Cell, ...]] = [
        (name, round(calls / count, 2)) for name, calls in sorted(used.items())
    ]
    return Result(title=f"Kubernetes: {what} per job", columns=("call", "per job"), rows=rows)


def _served(bare: Clusters, jobs: Sequence[int]) -> Served:
    webhooks, calls = traffic.first_webhooks(bare.world), bare.calls()
    sent = {job: traffic.sent_at(webhooks[job]) for job in jobs}
    made, filled = audit.made(calls, "jobs"), audit.made(calls, "secrets")
    first = min(sent.values())
    return Served(
        ack=spread(traffic.latency(webhooks[job]) for job in jobs),
        job=spread((made[job] - sent[job]) * 1000 for job in jobs),
        secret=spread((filled[job] - sent[job]) * 1000 for job in jobs),
        job_by=spread((made[job] - first) * 1000 for job in jobs),
        secret_by=spread((filled[job] - first) * 1000 for job in jobs),
        failed=sum(webhooks[job].status != "OK" for job in jobs),
    )


def _calls_about(calls: Sequence[Call], jobs: Sequence[int]) -> float:
    """Count the product's calls that name these jobs' runners, per job."""
    wanted = set(jobs)
    return round(sum(call.of_product and call.owner in wanted for call in calls) / len(jobs), 2)


def _removals(calls: Sequence[Call], *, since: float) -> dict[str, float]:
    """Tell when the product had each Job deleted."""
    return {
        call.name: call.at
        for call in calls
        if call.of_product and call.at > since and (call.verb, call.resource) == ("delete", "jobs")
    }


def _spreads(what: str) -> tuple[str, ...]:
    return tuple(f"{what} {name}" for name in ("p50", "p99", "max"))


def _cells(seen: Spread) -> tuple[float, ...]:
    return (seen.p50, seen.p99, seen.last)
