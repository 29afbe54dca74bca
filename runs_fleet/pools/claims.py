"""Claims of jobs: taken in, answered in the order of fairness, and given up again; pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.pools import fit, placeholders, surveys
from runs_fleet.pools.state import Job, Lease, PoolState
from runs_fleet.pools.stock import elsewhere, free_volumes, givable
from runs_fleet.pools.surveys import UNUSED
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave

# A lifecycle is not longer than this besides its job: one that ended without a word is not counted
# for ever.
BESIDES = timedelta(hours=36)
MOST_ANSWERS = 1000
UNHEARD = "its job was over when it was given"
MOST_RETURNED = 200


@dataclass(frozen=True)
class Grant:
    """What one claim is answered; `fresh` unless it was answered the same before."""

    claim: PoolClaim
    answer: PoolAnswer
    fresh: bool = True


def claimed(state: PoolState, claim: PoolClaim, now: datetime) -> None:
    """Take a claim in; a repeat of one that waits is none."""
    if any(key(each) == key(claim) for each in state.waiting):
        return
    state.waiting.append(claim)
    state.last_claim_at = now
    job = state.jobs.setdefault(claim.job_id, Job(repo=claim.repo, heard_at=now))
    job.heard_at = now
    state.note_jobs(now)


def left(state: PoolState, leave: PoolLeave, now: datetime) -> None:
    """Take in what a job has no use for any more."""
    _end_leases(state, leave, now)
    member = state.members.get(leave.member)
    if member is None and leave.member:
        _meet(state, leave, now)
    elif member is not None and member.job_id == leave.job_id and not member.booked:
        if leave.unused:
            member.dismiss(UNUSED, now)
        elif leave.gone:
            state.depart(member.name)
    if leave.final:
        state.waiting = [each for each in state.waiting if each.job_id != leave.job_id]
        forget(state, [leave.job_id], now)


def granted(state: PoolState, grant: Grant, now: datetime) -> None:
    """Take in what a claim is answered."""
    claim, answer = grant.claim, grant.answer
    state.waiting = [each for each in state.waiting if key(each) != key(claim)]
    if not grant.fresh:
        return
    state.count(answer.kind)
    state.answered[key(claim)] = answer
    if answer.member:
        member = state.members[answer.member]
        member.enter("claimed", now)
        member.job_id, member.attempt, member.repo = claim.job_id, claim.attempt, claim.repo
    if answer.cache:
        state.leases[answer.cache] = Lease(job_id=claim.job_id, attempt=claim.attempt, since=now)
    if claim.job_id in state.jobs:
        state.jobs[claim.job_id].patient_until = answer.until


def unheard(state: PoolState, answer: PoolAnswer, now: datetime) -> None:
    """Take in that the job was over before its answer came: what it was given is nobody's."""
    member = state.members.get(answer.member)
    if member is not None and member.job_id == answer.job_id and not member.booked:
        member.dismiss(UNHEARD, now)
    _end_leases(state, PoolLeave(job_id=answer.job_id, attempt=answer.attempt, final=True), now)
    if not (member and member.booked):
        forget(state, [answer.job_id], now)


def forget(state: PoolState, job_ids: Iterable[int], now: datetime) -> None:
    """Count jobs no longer."""
    known = [job_id for job_id in job_ids if job_id in state.jobs]
    for job_id in known:
        del state.jobs[job_id]
    if known:
        state.note_jobs(now)


def tidy(state: PoolState, now: datetime) -> None:
    """Forget jobs that ended without a word, and answers that nobody will ask for again."""
    ended = now - state.max_runtime - BESIDES
    forget(state, [id_ for id_, job in state.jobs.items() if job.heard_at < ended], now)
    state.leases = {volume: each for volume, each in state.leases.items() if each.since >= ended}
    if len(state.answered) > MOST_ANSWERS:
        state.answered = dict(list(state.answered.items())[-MOST_ANSWERS // 2 :])


def key(claim: PoolClaim) -> str:
    """Name a claim; the one after a wait is another."""
    return f"{claim.job_id}-{claim.attempt}{'-waited' if claim.waited else ''}"


def grants(state: PoolState, now: datetime) -> tuple[Grant, ...]:
    """Answer all claims that wait: by weight, then first come."""
    definition = state.definition

    def turn(claim: PoolClaim) -> tuple[int, datetime, int]:
        return -fit.weight(definition, claim.repo), claim.asked_at, claim.job_id

    desk = _Desk(state, now)
    return tuple(desk.answer(claim) for claim in sorted(state.waiting, key=turn))


class _Desk:
    """What there is to be given out in one turn."""

    def __init__(self, state: PoolState, now: datetime) -> None:
        self._state, self._now = state, now
        self._free = givable(state, now)
        self._held = Counter(_holders(state))
        self._volumes = free_volumes(state)
        members = state.members.values()
        waiting = [job for job in state.jobs.values() if (job.patient_until or now) > now]
        ears = [each for each in members if each.tier == "listening" and each.ready]
        self._listening = sum(not elsewhere(state, each) for each in ears)
        self._listening -= len(waiting)

    def answer(self, claim: PoolClaim) -> Grant:
        known = self._state.answered.get(key(claim))
        if known is not None:
            return Grant(claim, known, fresh=False)
        answer = self._refused(claim) or self._patient(claim) or self._assigned(claim)
        return Grant(claim, answer or self._none(claim, self._shortage()))

    def _refused(self, claim: PoolClaim) -> PoolAnswer | None:
        state, definition = self._state, self._state.definition
        limit = definition.repository_limit
        reason = closed(state) or fit.stranger(definition, claim.repo)
        reason = reason or fit.misfit(definition.spec, claim.spec)
        if not reason and limit is not None and self._held[claim.repo.lower()] >= limit:
            reason = f"{claim.repo} has {limit} of its {self._what}, as many as one repository may"
        return self._none(claim, reason) if reason else None

    @property
    def _what(self) -> str:
        return "members" if self._state.definition.mode == "ec2" else "volumes"

    def _patient(self, claim: PoolClaim) -> PoolAnswer | None:
        listening = self._state.definition.listening
        if listening is None or claim.waited or self._listening <= 0:
            return None
        if claim.label.lower() != listening.label.lower():
            return None
        self._listening -= 1
        until = self._now + listening.patience
        return self._said(claim, kind="patient", until=until, reason="listening members are free")

    def _assigned(self, claim: PoolClaim) -> PoolAnswer | None:
        if self._state.definition.mode == "k8s":
            return self._lent(claim)
        if not self._free:
            return None
        member = self._free.pop(0)
        self._held[claim.repo.lower()] += 1
        return self._said(
            claim,
            kind="assigned",
            member=member.name,
            tier="stopped" if member.phase == "stopped" else "hot",
            machine=member.machine,
            wake=member.wake,
        )

    def _lent(self, claim: PoolClaim) -> PoolAnswer | None:
        if not self._volumes:
            return None
        self._held[claim.repo.lower()] += 1
        volume = self._volumes.pop(0)
        return self._said(claim, kind="assigned", cache=volume, reason="a cache volume is free")

    def _shortage(self) -> str:
        state = self._state
        if state.definition.mode == "k8s":
            return "placeholders make room, a runner needs no member"
        words = f"no member is free: {len(state.claimed)} have jobs, at most {state.definition.max}"
        return f"{words}; {state.trouble}" if state.trouble else words

    def _none(self, claim: PoolClaim, reason: str) -> PoolAnswer:
        return self._said(claim, kind="none", reason=reason)

    def _said(self, claim: PoolClaim, **said: object) -> PoolAnswer:
        told = {"job_id": claim.job_id, "attempt": claim.attempt, **said}
        return PoolAnswer.model_validate({"pool": self._state.definition.name, **told})


def _holders(state: PoolState) -> Iterator[str]:
    """Name the repository of each member, and of each volume, that a job has.

    A manager before this one may have given away what is a stranger to this one.
    """
    yield from (each.repo.lower() for each in state.claimed)
    yield from (each.status.repo.lower() for each in state.strangers.values())
    jobs = [state.jobs.get(each.job_id) for each in state.leases.values()]
    yield from (job.repo.lower() for job in jobs if job is not None)


def closed(state: PoolState) -> str:
    """Say why nothing is given out, or nothing."""
    if state.ending:
        return f"the pool ends: {state.ending}"
    if not state.held:
        return ""
    words = {"drain": "drained", "pause": "paused"}[state.held]
    last = next((each for each in reversed(state.operations) if each.kind == state.held), None)
    return f"the pool is {words}" + (f" by {last.by} since {last.at:%H:%M:%S} UTC" if last else "")


def _meet(state: PoolState, leave: PoolLeave, now: datetime) -> None:
    """Learn what became of a machine that a manager before this one gave to a job."""
    stranger = state.strangers.get(leave.member)
    if leave.gone:
        state.strangers.pop(leave.member, None)
    elif leave.unused and stranger is not None:
        member = surveys.adopted(state.strangers.pop(leave.member).status, now)
        member.dismiss(UNUSED, now)
        state.members[member.name] = member
    elif leave.unused and names.pool_of(leave.member) is not None:
        state.returned = [*state.returned, leave.member][-MOST_RETURNED:]


def _end_leases(state: PoolState, leave: PoolLeave, now: datetime) -> None:
    """Have the volumes back that an attempt, or all of a job that is over, had."""

    def ends(volume: str, lease: Lease) -> bool:
        if lease.job_id != leave.job_id:
            return False
        given_back = (leave.unused or leave.gone) and leave.member in ("", volume)
        return leave.final or (given_back and lease.attempt == leave.attempt)

    ended = [volume for volume, lease in state.leases.items() if ends(volume, lease)]
    for volume in ended:
        del state.leases[volume]
    if leave.running:
        placeholders.let_go(state, ended, now)
