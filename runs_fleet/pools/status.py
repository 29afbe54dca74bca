"""Tells a pool in words and numbers: its page in the Temporal UI, and what its query answers."""

from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.models import Wire
from runs_fleet.pools import claims
from runs_fleet.pools.definition import PoolDefinition, Targets, Tier
from runs_fleet.pools.planning import PoolPlan
from runs_fleet.pools.state import DEFAULT_POLICY, TIERS, Member, Operation, PoolState
from runs_fleet.pools.stock import stale
from runs_fleet.pools.wire import PlaceholderFacts

MOST_ROWS = 100
MOST_SHOWN = 10
Counts = dict[Tier, dict[str, int]]


class MemberLine(Wire):
    """One member, as people want to see it."""

    name: str
    tier: Tier
    phase: str
    since: datetime
    machine_id: str = ""
    machine_type: str = ""
    zone: str = ""
    job_id: int | None = None
    repo: str = ""
    stale: bool = False
    cause: str = ""


class PoolStatus(Wire):
    """A pool at a moment.

    `word` is open, paused, drained or ending; `reasons` say why the targets are what they are and
    what keeps the pool from them. `counts` are members by tier and phase, `claims` how claims
    were answered since the pool began. `unknown` machines in the cloud count against `max`.
    """

    name: str
    at: datetime
    word: str
    definition: PoolDefinition
    sourced: PoolDefinition | None = None
    targets: Targets
    reasons: tuple[str, ...] = ()
    counts: Counts
    total: int = 0
    unknown: int = 0
    jobs_at_once: int = 0
    claims: dict[str, int]
    members: tuple[MemberLine, ...] = ()
    operations: tuple[Operation, ...] = ()
    resized: dict[Tier, int] | None = None
    trouble: str = ""
    rest_until: datetime | None = None
    surveyed_at: datetime | None = None
    boot_limit: timedelta = DEFAULT_POLICY.boot_timeout
    max_runtime: timedelta = DEFAULT_POLICY.max_runtime
    placeholders: PlaceholderFacts | None = None
    replicas: int | None = None
    leases: dict[str, int]


def status(state: PoolState, plan: PoolPlan, now: datetime) -> PoolStatus:
    """Tell all of a pool."""
    return PoolStatus(
        name=state.definition.name,
        at=now,
        word=word(state),
        definition=state.definition,
        sourced=state.sourced,
        targets=plan.targets,
        reasons=plan.reasons,
        counts=counts(state),
        total=state.counted,
        unknown=len(state.strangers),
        jobs_at_once=len(state.jobs),
        claims=dict(state.totals),
        members=tuple(_line(state, each, now) for each in state.members.values()),
        operations=tuple(state.operations),
        resized=state.resized,
        trouble=state.trouble,
        rest_until=state.rest_until,
        surveyed_at=state.surveyed_at,
        boot_limit=state.boot_limit,
        max_runtime=state.max_runtime,
        placeholders=state.facts,
        replicas=state.replicas,
        leases={volume: lease.job_id for volume, lease in state.leases.items()},
    )


def word(state: PoolState) -> str:
    """Say in a word whether the pool serves."""
    if state.ending:
        return "ending"
    return {"": "open", "drain": "drained", "pause": "paused"}[state.held]


def counts(state: PoolState) -> Counts:
    """Count members by tier and phase."""
    found: Counts = {tier: {} for tier in TIERS}
    for each in state.members.values():
        found[each.tier][each.phase] = found[each.tier].get(each.phase, 0) + 1
    return {tier: phases for tier, phases in found.items() if phases}


def page(state: PoolState, plan: PoolPlan, now: datetime) -> str:
    """Write the pool's page (markdown): how it stands, why, and each member."""
    definition = state.definition
    closed = claims.closed(state)
    head = f"## {definition.name}: {word(state)}"
    facts = [
        f"- as of {now:%Y-%m-%d %H:%M:%S} UTC: {state.counted} of at most {definition.max}"
        f" machines, {len(state.jobs)} jobs at once",
        *(f"- {reason}" for reason in dict.fromkeys(filter(None, [*plan.reasons, closed]))),
        f"- claims: {_numbers(state.totals) or 'none yet'}",
    ]
    facts += [f"- trouble: {_plain(state.trouble)}"] if state.trouble else []
    return "\n".join([head, "", *facts, *_pods(state), *_table(state, now), *_done(state)])


def _pods(state: PoolState) -> list[str]:
    if state.definition.mode != "k8s":
        return []
    found = state.facts or PlaceholderFacts(ready=0)
    told = f"{found.ready} run, {found.pending} wait for a node"
    lent = f"{len(state.leases)} of {len(found.volumes)} cache volumes are lent"
    lent += f", {len(state.let_go)} may still be in use" if state.let_go else ""
    return [f"- placeholders: {state.replicas or 0} wanted, {told}; {lent}"]


def _table(state: PoolState, now: datetime) -> list[str]:
    if not state.members:
        return []
    # The pool's name is above: a member's number is enough where there is little room.
    prefix = names.members_prefix(state.definition.name)
    first = list(state.members.values())[:MOST_ROWS]
    rows = [_row(_line(state, each, now), prefix) for each in first]
    more = len(state.members) - len(rows)
    title = "| member | tier | phase | since | machine | type | job | why |"
    return ["", title, "|---|---|---|---|---|---|---|---|", *rows] + (
        ["", f"and {more} more"] if more else []
    )


def _row(line: MemberLine, prefix: str) -> str:
    why = line.cause or ("out of date" if line.stale else "")
    number = line.name.removeprefix(prefix)
    cells = (
        number, line.tier, line.phase, f"{line.since:%H:%M:%S}", line.machine_id,
        line.machine_type, line.job_id or "", _plain(why),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _done(state: PoolState) -> list[str]:
    last = state.operations[-MOST_SHOWN:]
    told = [
        f"- {each.at:%Y-%m-%d %H:%M:%S} {_what(each)} by {_plain(each.by)}: {_plain(each.reason)}"
        for each in reversed(last)
    ]
    return ["", "operations:", "", *told] if told else []


def _what(operation: Operation) -> str:
    targets = (operation.targets or {}).items()
    return " ".join([operation.kind, *(f"{tier}={number}" for tier, number in targets)])


def _line(state: PoolState, each: Member, now: datetime) -> MemberLine:
    machine = each.machine
    return MemberLine(
        name=each.name,
        tier=each.tier,
        phase=each.phase,
        since=each.since,
        machine_id=machine.machine_id if machine else "",
        machine_type=machine.machine_type if machine else "",
        zone=machine.zone if machine else "",
        job_id=each.job_id,
        repo=each.repo,
        stale=each.kept and stale(state, each, now),
        cause=each.cause,
    )


def _numbers(totals: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(totals.items()))


def _plain(text: str) -> str:
    """Keep words of others from being read as markdown's table or lines."""
    return " ".join(text.replace("|", "/").split())
