"""The parts of a sweep: each looks, decides by pure rules, and puts right what is ripe."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sweeps import CloudActivities, GitHubActivities, LifecycleActivities
    from runs_fleet import redelivery, sweeping
    from runs_fleet.census import (
        FoundRegistration,
        MachineIds,
        Orphan,
        OwnedMachine,
        Owner,
        Owners,
        OwnerState,
        ScopeList,
        SweepRequest,
        Telling,
        WaitingJob,
    )
    from runs_fleet.hooks import Hook, HookReading, HookState, Redelivery
    from runs_fleet.models import MachineEvent, MachineStatus
    from workflows import options
    from workflows.answers import Answer, Handle
    from workflows.memory import Memory
    from workflows.tally import Begin, NoAnswer, Repair, Tally, looked, taken

FORGOTTEN = "NotFound"
MOST_DESCRIBED = 200
# A signal is not forgotten, and each one is an event in a history.
TOLD = timedelta(days=1)


class Parts:
    """One run's parts; what they learn goes into `memory`. They may run side by side."""

    def __init__(self, request: SweepRequest, memory: Memory, now: datetime) -> None:
        self._request, self._memory, self._now = request, memory, now

    async def deliveries(self, tally: Tally) -> None:
        """Have failed deliveries sent once more; no hook keeps us from another."""
        for hook in self._request.hooks:
            try:
                await self._hook(hook, tally)
            except NoAnswer as missed:
                tally.note(missed)

    async def machines(self, tally: Tally, *, roll: Answer, listed: Answer) -> None:
        """Remove machines whose lifecycle is over, or never was."""
        candidates = sweeping.unclaimed(
            taken(listed), taken(roll), now=self._now, min_age=self._request.min_age
        )
        tally.looked = len(listed.value)
        states = await self._states(sweeping.owner_of(each.runner) for each in candidates)
        orphans = {each.machine_id: each for each in sweeping.ownerless(candidates, states)}
        seen = sweeping.twice(self._memory.suspects_of(tally.name), orphans, now=self._now)
        await self._remove(tally, seen, [self._orphan(orphans[key], states) for key in seen.ripe])

    async def strays(self, tally: Tally, *, roll: Answer, listed: Answer) -> None:
        """Remove machines that their open lifecycle does not know, or took for gone."""
        found = sweeping.strays(
            taken(listed), taken(roll), now=self._now, min_age=self._request.min_age
        )
        tally.looked = len(found)
        machines = {each.machine_id: each for each in found}
        seen = sweeping.twice(self._memory.suspects_of(tally.name), machines, now=self._now)
        ripe = [machines[key] for key in seen.ripe[: self._request.limits.repairs]]
        judged = [repair for each in ripe if (repair := await self._stray(each)) is not None]
        held = {each.machine_id for each in ripe} - {repair.key for repair in judged}
        await self._remove(tally, seen, judged, rest=held)

    async def lost(self, tally: Tally, *, roll: Answer, listed: Answer) -> None:
        """Tell lifecycles of machines that have ended, and of which no event came."""
        missing = sweeping.missing(taken(roll), taken(listed))
        tally.looked = len(missing)
        known = await self._described(list(missing)[:MOST_DESCRIBED])
        before = self._memory.suspects_of(tally.name)
        gone = {key: before.get(key, self._now) for key in known if known[key].state == "gone"}
        unseen = sweeping.twice(
            before,
            [key for key in list(missing)[:MOST_DESCRIBED] if key not in known],
            now=self._now,
            wait=self._request.min_age,
        )
        ripe = [*(key for key, at in gone.items() if at <= self._now), *unseen.ripe]
        repairs = [
            self._telling(key, missing[key], known.get(key))
            for key in ripe[: self._request.limits.repairs]
        ]
        answers = await tally.repair(repairs)
        self._memory.suspect(tally.name, gone | unseen.suspects)
        told = [key for key, found in answers.items() if not found.kind]
        self._memory.rest(tally.name, told, TOLD)

    async def configs(self, tally: Tally, *, listed: Answer) -> None:
        """Delete the configs of machines that are gone."""
        machines = taken(listed)
        held = taken(await looked(_look(CloudActivities.list_configs)))
        tally.looked = len(held)
        left = sweeping.left_behind(held, machines, now=self._now, min_age=self._request.min_age)
        seen = sweeping.twice(self._memory.suspects_of(tally.name), left, now=self._now)
        repairs = [
            Repair(key, f"delete the config of {key}: its machine is gone", _config(key))
            for key in seen.ripe
        ]
        await self._remove(tally, seen, repairs)

    async def registrations(self, tally: Tally) -> None:
        """Delete registrations that are offline and idle, and whose lifecycle is over."""
        memory, every = self._memory, self._request.min_age
        scopes = sweeping.turns(memory.places, memory.listed, now=self._now, every=every)
        wanted = ScopeList(scopes=scopes, calls=self._request.limits.registration_calls)
        found = taken(await looked(_look(GitHubActivities.list_registrations, wanted)))
        memory.listed = sweeping.looked_at(
            memory.listed, found.repos, places=memory.places, now=self._now
        )
        tally.looked = len(found.found)
        _errors(tally, found.errors, found.limited)
        states = await self._states(sweeping.owner_of(each.runner) for each in found.found)
        dead = {each.key: each for each in sweeping.dead(found.found, states)}
        before = memory.suspects_of(tally.name)
        seen = sweeping.twice(before, dead, now=self._now, wait=every)
        repairs = [_deregistration(dead[key], states) for key in seen.ripe]
        elsewhere = sweeping.elsewhere(before, found.places)
        await self._remove(tally, seen, repairs, besides=elsewhere)

    async def queued(self, tally: Tally) -> None:
        """Start the lifecycles of queued jobs that have none."""
        memory = self._memory
        scopes = sweeping.turns(memory.places, memory.searched, now=self._now)
        wanted = ScopeList(scopes=scopes, calls=self._request.limits.queued_calls)
        found = taken(await looked(_look(GitHubActivities.list_waiting_jobs, wanted)))
        memory.searched = sweeping.looked_at(
            memory.searched, found.repos, places=memory.places, now=self._now
        )
        tally.looked = len(found.jobs)
        _errors(tally, found.errors, found.limited)
        jobs = sweeping.overdue_jobs(found.jobs, now=self._now, settle=self._request.settle)
        states = await self._states(job.job_id for job in jobs)
        unknown = [job for job in jobs if states.get(job.job_id) == "absent"]
        await tally.repair([_start(job) for job in unknown[: self._request.limits.repairs]])

    async def _hook(self, hook: Hook, tally: Tally) -> None:
        limits, known = self._request.limits, self._memory.hooks.get(hook.key, HookState())
        reading = HookReading(hook=hook, state=known, now=self._now, pages=limits.delivery_pages)
        state = taken(await looked(_look(GitHubActivities.read_deliveries, reading)))
        self._memory.hooks[hook.key] = state
        tally.looked += len(state.failed)
        due = redelivery.due(
            state, now=self._now, settle=self._request.settle, most=limits.redeliveries
        )
        answers = await tally.repair([_redelivery(hook, guid, state) for guid in due])
        asked = [guid for guid, found in answers.items() if not found.kind]
        gone = [guid for guid, found in answers.items() if found.kind == "NotThere"]
        state = redelivery.forgotten(redelivery.asked(state, asked, self._now), gone)
        self._memory.hooks[hook.key] = state

    async def _remove(
        self,
        tally: Tally,
        seen: sweeping.Seen,
        repairs: Sequence[Repair],
        *,
        rest: Iterable[str] = (),
        besides: sweeping.Suspects | None = None,
    ) -> None:
        """Remove what is ripe; what works is left alone for a while."""
        answers = await tally.repair(repairs[: self._request.limits.repairs])
        busy = [key for key, found in answers.items() if not found.kind and _busy(found.value)]
        self._memory.suspect(tally.name, seen.suspects | (besides or {}))
        self._memory.rest(tally.name, (*busy, *rest))

    async def _states(self, owners: Iterable[int | None]) -> dict[int, OwnerState]:
        wanted = tuple(dict.fromkeys(owner for owner in owners if owner is not None))
        if not wanted:
            return {}
        asking = _look(LifecycleActivities.look_up_owners, Owners(job_ids=wanted))
        states: dict[int, OwnerState] = taken(await looked(asking)).states
        return states

    async def _described(self, machine_ids: Sequence[str]) -> dict[str, MachineStatus]:
        if not machine_ids:
            return {}
        wanted = MachineIds(machine_ids=tuple(machine_ids))
        found = taken(await looked(_look(CloudActivities.describe_machines, wanted)))
        return {each.machine_id: each for each in found}

    def _orphan(self, machine: OwnedMachine, states: dict[int, OwnerState]) -> Repair:
        place = self._memory.places.get(machine.repo)
        orphan = Orphan(machine=machine, scope=place.scope if place else None)
        state = states.get(sweeping.owner_of(machine.runner) or 0)
        words = f"remove {machine.machine_id} ({machine.runner}): its lifecycle is {state}"
        return Repair(machine.machine_id, words, _removal(orphan))

    async def _stray(self, machine: OwnedMachine) -> Repair | None:
        owner = Owner(job_id=sweeping.owner_of(machine.runner) or 0)
        progress = taken(await looked(_look(LifecycleActivities.ask_owner, owner)))
        if progress.outcome is None:
            return None
        verdict = sweeping.stray(machine, progress.outcome.attempts)
        if verdict == "keep":
            return None
        place = self._memory.places.get(machine.repo)
        orphan = Orphan(
            machine=machine,
            scope=place.scope if place else None,
            registered=verdict == "guarded",
        )
        words = f"remove {machine.machine_id} ({machine.runner}): its lifecycle has another one"
        return Repair(machine.machine_id, words, _removal(orphan))

    def _telling(self, machine_id: str, job_id: int, status: MachineStatus | None) -> Repair:
        cause = (status and status.cause) or FORGOTTEN
        # Of one that is forgotten, or does not say why, the job is not to blame.
        is_taken = status is None or status.taken or not status.cause
        event = MachineEvent(
            machine_id=machine_id,
            kind="gone",
            cause=cause,
            taken=is_taken,
            at=self._now,
            noticed=True,
        )
        telling = Telling(job_id=job_id, event=event)
        return Repair(
            machine_id,
            f"tell job {job_id} that {machine_id} is gone: {cause}",
            lambda: _repair(LifecycleActivities.tell_owner, telling),
        )


def _look(method: Any, *argument: Any) -> Handle:
    return workflow.start_activity_method(method, *argument, **options.LOOK)


def _repair(method: Any, argument: Any) -> Handle:
    return workflow.start_activity_method(method, argument, **options.REPAIR)


def _busy(value: Any) -> bool:
    return bool(getattr(value, "busy", False))


def _errors(tally: Tally, errors: Iterable[str], limited: str) -> None:
    for words in errors:
        tally.fail(words)
    tally.skipped = tally.skipped or limited


def _removal(orphan: Orphan) -> Begin:
    return lambda: _repair(CloudActivities.remove_orphan, orphan)


def _config(machine_id: str) -> Begin:
    return lambda: _repair(CloudActivities.delete_config, machine_id)


def _redelivery(hook: Hook, guid: str, state: HookState) -> Repair:
    failed = state.failed[guid]
    wanted = Redelivery(hook=hook, delivery_id=failed.delivery_id)
    words = f"redeliver {guid} of {failed.first_at:%Y-%m-%d %H:%M:%S} to {hook.key}"
    return Repair(guid, words, lambda: _repair(GitHubActivities.redeliver, wanted))


def _deregistration(found: FoundRegistration, states: dict[int, OwnerState]) -> Repair:
    state = states.get(sweeping.owner_of(found.runner) or 0)
    words = f"delete the registration of {found.runner} at {found.place}: its lifecycle is {state}"
    return Repair(found.key, words, lambda: _repair(GitHubActivities.delete_registration, found))


def _start(job: WaitingJob) -> Repair:
    words = f"start job {job.job_id} of {job.scope.repo}: queued at {job.queued_at:%H:%M:%S}"
    return Repair(
        str(job.job_id), words, lambda: _repair(LifecycleActivities.start_waiting_job, job)
    )
