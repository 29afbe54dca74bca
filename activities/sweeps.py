"""Looks at cloud, GitHub and lifecycles for a sweep, and puts right what it was told to."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from temporalio import activity

from activities.verdicts import verdicts
from runs_fleet import labels, redelivery, sweeping
from runs_fleet.census import (
    FoundRegistration,
    HeldConfig,
    MachineIds,
    Orphan,
    OwnedMachine,
    Owner,
    Owners,
    OwnerStates,
    Progress,
    RegistrationList,
    Removal,
    Roll,
    RollCall,
    ScopeList,
    Telling,
    WaitingJob,
    WaitingList,
)
from runs_fleet.errors import FleetError, RateLimited, Refused, RunnerBusy
from runs_fleet.github.events import JobQueued
from runs_fleet.hooks import HookReading, HookState, Redelivery
from runs_fleet.models import MachineStatus, Registration, Scope
from runs_fleet.ports import ConfigStore, Provider
from runs_fleet.sweep_ports import Inventory, Lifecycles, SweptGitHub

SOURCE = "sweep"
# Gives a job its lifecycle, and says in a word what came of it; repeats are harmless.
Start = Callable[[JobQueued], Awaitable[str]]


class LifecycleActivities:
    """What a sweep asks of lifecycles; coroutines, as Temporal's client is one."""

    def __init__(self, lifecycles: Lifecycles, start: Start) -> None:
        self._lifecycles, self._start = lifecycles, start

    @activity.defn
    async def call_roll(self, call: RollCall) -> Roll:
        """List open lifecycles and recent scopes, as the search shows them."""
        with verdicts():
            return await self._lifecycles.roll(call)

    @activity.defn
    async def look_up_owners(self, owners: Owners) -> OwnerStates:
        """Tell for sure which lifecycles are open."""
        with verdicts():
            return OwnerStates(states=await self._lifecycles.states(owners.job_ids))

    @activity.defn
    async def ask_owner(self, owner: Owner) -> Progress:
        """Ask a lifecycle what it knows of its runners."""
        with verdicts():
            return Progress(outcome=await self._lifecycles.progress(owner.job_id))

    @activity.defn
    async def tell_owner(self, telling: Telling) -> bool:
        """Tell a lifecycle what became of its machine."""
        with verdicts():
            return await self._lifecycles.tell(telling.job_id, telling.event)

    @activity.defn
    async def start_waiting_job(self, job: WaitingJob) -> str:
        """Give a queued job its lifecycle, the same way that its webhook would have."""
        asked = labels.parse(job.labels)
        with verdicts():
            if asked is None:
                raise Refused(f"job {job.job_id} does not carry our label")
            return await self._start(_queued(job, asked))


def _queued(job: WaitingJob, asked: labels.Request | labels.Refusal) -> JobQueued:
    now = activity.info().started_time
    return JobQueued(
        job_id=job.job_id,
        run_id=job.run_id,
        run_attempt=job.run_attempt,
        scope=job.scope,
        name=job.name,
        workflow=job.workflow,
        labels=job.labels,
        url=job.url,
        queued_at=min(job.queued_at, now),
        delivered_at=now,
        delivery=SOURCE,
        asked=asked,
        head_sha=job.head_sha,
    )


class CloudActivities:
    """What a sweep asks of the cloud, and takes away from it."""

    def __init__(
        self,
        provider: Provider,
        configs: ConfigStore,
        *,
        inventory: Inventory,
        github: SweptGitHub,
    ) -> None:
        self._provider, self._configs = provider, configs
        self._inventory, self._github = inventory, github

    @activity.defn
    def list_machines(self) -> list[OwnedMachine]:
        """List all machines of ours."""
        with verdicts():
            return self._inventory.machines()

    @activity.defn
    def list_configs(self) -> list[HeldConfig]:
        """List all configs of ours."""
        with verdicts():
            return self._inventory.configs()

    @activity.defn
    def describe_machines(self, wanted: MachineIds) -> list[MachineStatus]:
        """Tell the state of machines; those that the cloud has forgotten are left out."""
        with verdicts():
            return self._provider.describe(wanted.machine_ids)

    @activity.defn
    def remove_orphan(self, orphan: Orphan) -> Removal:
        """Remove the registration, and only when nobody can give it a job, the machine."""
        machine = orphan.machine
        with verdicts():
            if orphan.registered and self._works(orphan):
                return Removal(busy=True)
            self._configs.delete(machine.machine_id)
            self._inventory.terminate(machine.machine_id)
            return Removal()

    @activity.defn
    def delete_config(self, machine_id: str) -> None:
        """Remove the config of a machine that is gone."""
        with verdicts():
            self._configs.delete(machine_id)

    def _works(self, orphan: Orphan) -> bool:
        """Deregister, or learn that the runner works.

        A list that says so is enough to keep it; that it may go only DELETE can say.
        """
        scope = orphan.scope or self._github.scope(orphan.machine.repo)
        found = self._github.find_runner(scope, orphan.machine.runner)
        return found is not None and works(self._github, scope, found)


class GitHubActivities:
    """What a sweep asks of GitHub's lists."""

    def __init__(self, github: SweptGitHub) -> None:
        self._github = github

    @activity.defn
    def read_deliveries(self, reading: HookReading) -> HookState:
        """Read on in a hook's deliveries."""
        with verdicts():
            return redelivery.read(
                reading.state,
                lambda cursor: self._github.deliveries(reading.hook, cursor),
                now=reading.now,
                pages=reading.pages,
            )

    @activity.defn
    def redeliver(self, wanted: Redelivery) -> None:
        """Have GitHub deliver once more."""
        with verdicts():
            self._github.redeliver(wanted.hook, wanted.delivery_id)

    @activity.defn
    def list_registrations(self, wanted: ScopeList) -> RegistrationList:
        """List our idle registrations, place by place while there are calls left."""
        found, places = list[FoundRegistration](), set[str]()

        def look(scope: Scope) -> Iterator[None]:
            place = self._github.place(scope)
            if place in places:
                return
            for page in self._github.registrations(scope):
                found.extend(_idle(page, scope, place))
                yield
            places.add(place)

        gleaned = _glean(wanted, look)
        return RegistrationList(found=tuple(found), places=tuple(places), **gleaned)

    @activity.defn
    def delete_registration(self, found: FoundRegistration) -> Removal:
        """Remove a registration, unless it works after all."""
        with verdicts():
            try:
                self._github.delete_runner(found.scope, found.runner_id)
            except RunnerBusy:
                return Removal(busy=True)
            return Removal()

    @activity.defn
    def list_waiting_jobs(self, wanted: ScopeList) -> WaitingList:
        """List queued jobs of ours, repository by repository while there are calls left."""
        jobs = list[WaitingJob]()

        def look(scope: Scope) -> Iterator[None]:
            for some in self._github.waiting_jobs(scope):
                jobs.extend(some)
                yield

        return WaitingList(**_glean(wanted, look), jobs=tuple(jobs))


def _glean(wanted: ScopeList, look: Callable[[Scope], Iterator[None]]) -> dict[str, Any]:
    """Look into one scope after the other, a call at a time; none keeps us from the others."""
    repos, errors, calls = list[str](), list[str](), 0
    for scope in wanted.scopes:
        if calls >= wanted.calls:
            break
        try:
            calls += sum(1 for _ in look(scope))
        except RateLimited as error:
            return {"repos": repos, "errors": errors, "limited": str(error)}
        except FleetError as error:
            errors.append(str(error))
        repos.append(scope.repo)
    return {"repos": repos, "errors": errors}


def works(github: SweptGitHub, scope: Scope, found: Registration) -> bool:
    """Remove a registration, or learn that its runner works."""
    try:
        if not found.busy:
            github.delete_runner(scope, found.runner_id)
    except RunnerBusy:
        return True
    return found.busy


def _idle(page: Sequence[Registration], scope: Scope, place: str) -> list[FoundRegistration]:
    return [
        FoundRegistration(place=place, scope=scope, runner_id=each.runner_id, runner=each.runner)
        for each in page
        if sweeping.idle_ours(each)
    ]


def sweep_activities(
    lifecycles: LifecycleActivities, cloud: CloudActivities, github: GitHubActivities
) -> list[Callable[..., Any]]:
    """List what a sweep calls."""
    return [
        lifecycles.call_roll,
        lifecycles.look_up_owners,
        lifecycles.ask_owner,
        lifecycles.tell_owner,
        lifecycles.start_waiting_job,
        cloud.list_machines,
        cloud.list_configs,
        cloud.describe_machines,
        cloud.remove_orphan,
        cloud.delete_config,
        github.read_deliveries,
        github.redeliver,
        github.list_registrations,
        github.delete_registration,
        github.list_waiting_jobs,
    ]
