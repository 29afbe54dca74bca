"""What a sweep may put right, from what it sees and what the last one saw; pure.

Nothing is acted upon at first sight: whoever was about to deal with it gets the time to.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from runs_fleet import names
from runs_fleet.census import (
    FoundRegistration,
    HeldConfig,
    OwnedMachine,
    OwnerState,
    Place,
    Roll,
    WaitingJob,
)
from runs_fleet.models import Registration, Scope
from runs_fleet.outcomes import Attempt

MOST_SUSPECTS = 1000
MOST_PLACES = 200
REMEMBERED = timedelta(days=7)
NOW = timedelta(0)
# How long to try for an outcome that cannot be read or kept.
TRIED_FOR = timedelta(hours=1)

Suspects = dict[str, datetime]
StrayVerdict = Literal["keep", "guarded", "unregistered"]


@dataclass(frozen=True)
class Seen:
    """What is ripe to be acted upon, and what to suspect from here on."""

    ripe: tuple[str, ...]
    suspects: Suspects


def twice(
    before: Mapping[str, datetime],
    seen: Iterable[str],
    *,
    now: datetime,
    wait: timedelta = NOW,
) -> Seen:
    """Two passes: ripe is what an earlier pass suspected too, `wait` ago or longer.

    What is not seen again is forgotten.
    """
    keys = list(dict.fromkeys(seen))[:MOST_SUSPECTS]
    ripe = tuple(key for key in keys if key in before and before[key] <= now)
    return Seen(ripe, {key: before.get(key, now + wait) for key in keys})


def rested(suspects: Suspects, keys: Iterable[str], until: datetime) -> Suspects:
    """Leave some alone for a while: what works, or has been told."""
    return suspects | dict.fromkeys(keys, until)


def owner_of(runner: str) -> int | None:
    """Return the job that a runner was made for, or None for somebody else's."""
    found = names.owner(runner)
    return found[0] if found else None


def unclaimed(
    machines: Iterable[OwnedMachine], roll: Roll, *, now: datetime, min_age: timedelta
) -> list[OwnedMachine]:
    """List machines, old enough, whose owner is not known to be open."""
    return [
        machine
        for machine in machines
        if machine.launched_at <= now - min_age
        and (owner := owner_of(machine.runner)) is not None
        and owner not in roll.machines
    ]


def ownerless(
    machines: Iterable[OwnedMachine], states: Mapping[int, OwnerState]
) -> list[OwnedMachine]:
    """List those whose owner is surely not open; a state that is unknown keeps the machine."""
    return [each for each in machines if _over(states, each.runner)]


def _over(states: Mapping[int, OwnerState], runner: str) -> bool:
    owner = owner_of(runner)
    return owner is not None and states.get(owner) in ("closed", "absent")


def strays(
    machines: Iterable[OwnedMachine], roll: Roll, *, now: datetime, min_age: timedelta
) -> list[OwnedMachine]:
    """List machines, old enough, whose open owner says that it has another one."""
    return [
        machine
        for machine in machines
        if machine.launched_at <= now - min_age
        and (owner := owner_of(machine.runner)) is not None
        and roll.machines.get(owner, machine.machine_id) != machine.machine_id
    ]


def stray(machine: OwnedMachine, attempts: Sequence[Attempt]) -> StrayVerdict:
    """Say what to do with a stray, from what its open owner knows of its attempts.

    One that the owner holds, or whose order is still out, is the owner's own business. One that
    it took for gone goes by the guarded order. The twin of a machine was never registered: its
    runner's name is the other one's, and must not be touched.
    """
    named = [each for each in attempts if each.runner == machine.runner]
    if not named:
        return "keep"
    if named[0].ended_at is not None:
        return "guarded"
    known = named[0].machine
    return "keep" if known is None or known.machine_id == machine.machine_id else "unregistered"


def missing(roll: Roll, machines: Iterable[OwnedMachine]) -> dict[str, int]:
    """Map machines that open lifecycles count on, and that are not alive, to their jobs."""
    alive = {machine.machine_id for machine in machines if not machine.remains}
    return {
        machine_id: job_id
        for job_id, machine_id in roll.machines.items()
        if machine_id and machine_id not in alive and job_id not in roll.settled
    }


def left_behind(
    configs: Iterable[HeldConfig],
    machines: Iterable[OwnedMachine],
    *,
    now: datetime,
    min_age: timedelta,
) -> list[str]:
    """List the machines that have a config, old enough, and are not alive."""
    alive = {machine.machine_id for machine in machines}
    return [
        config.machine_id
        for config in configs
        if config.machine_id not in alive and config.written_at <= now - min_age
    ]


def idle_ours(registration: Registration) -> bool:
    """Tell whether a registration is ours, and neither works nor is connected."""
    ours = owner_of(registration.runner) is not None
    return ours and not registration.online and not registration.busy


def dead(
    found: Iterable[FoundRegistration], states: Mapping[int, OwnerState]
) -> list[FoundRegistration]:
    """List those whose owner is surely not open."""
    return [each for each in found if _over(states, each.runner)]


def elsewhere(before: Mapping[str, datetime], places: Collection[str]) -> Suspects:
    """Keep suspects of places that were not looked at this time."""
    return {key: at for key, at in before.items() if key.partition(" ")[0] not in places}


def overdue_jobs(
    jobs: Iterable[WaitingJob], *, now: datetime, settle: timedelta
) -> list[WaitingJob]:
    """List jobs that wait longer than their webhook may take."""
    return [job for job in jobs if job.queued_at <= now - settle]


def remembered(
    places: Mapping[str, Place], scopes: Iterable[Scope], now: datetime
) -> dict[str, Place]:
    """Add the scopes just seen, and forget the oldest beyond what is sensible to remember."""
    fresh = {scope.repo: Place(scope=scope, seen_at=now) for scope in scopes}
    kept = {repo: at for repo, at in places.items() if at.seen_at > now - REMEMBERED} | fresh
    newest = sorted(kept, key=lambda repo: kept[repo].seen_at, reverse=True)
    return {repo: kept[repo] for repo in newest[:MOST_PLACES]}


def turns(
    places: Mapping[str, Place],
    looked: Mapping[str, datetime],
    *,
    now: datetime,
    every: timedelta = NOW,
) -> tuple[Scope, ...]:
    """Choose the scopes whose turn it is: the longest not looked at first."""
    due = [repo for repo in places if repo not in looked or looked[repo] <= now - every]
    ordered = sorted(due, key=lambda repo: (repo in looked, looked.get(repo, now)))
    return tuple(places[repo].scope for repo in ordered)


def looked_at(
    looked: Mapping[str, datetime],
    repos: Iterable[str],
    *,
    places: Mapping[str, Place],
    now: datetime,
) -> dict[str, datetime]:
    """Note which repositories were looked at; forget those that are remembered no more."""
    latest = {**looked, **dict.fromkeys(repos, now)}
    return {repo: at for repo, at in latest.items() if repo in places}


def worth_trying(failed: Mapping[str, datetime], now: datetime) -> Suspects:
    """Leave out what has failed for too long."""
    lately = {key: at for key, at in failed.items() if at > now - TRIED_FOR}
    return dict(list(lately.items())[:MOST_SUSPECTS])


def batches(job_ids: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Cut into parts that one call can do."""
    return [tuple(job_ids[at : at + size]) for at in range(0, len(job_ids), size)]
