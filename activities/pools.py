"""Launches, registers and takes away a pool's members, and looks at what the cloud has of it."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.registrations import unregister
from activities.verdicts import verdicts
from runs_fleet import reports
from runs_fleet.errors import NameTaken, Refused, RunnerBusy
from runs_fleet.models import Registration
from runs_fleet.pools.ports import Placeholders, WarmMachines
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.pools.wire import (
    MemberLaunched,
    MemberOrder,
    MemberRegistration,
    MemberRelease,
    MemberStop,
    PlaceholderFacts,
    PlaceholderOrder,
    PoolFacts,
    PoolSurvey,
)
from runs_fleet.ports import ConfigStore, GitHub, JitRunner, RunnerConfig
from runs_fleet.releases import ReleaseResult


class PoolActivities:
    """Holds the ports; decides nothing. A worker has either warm machines or placeholders.

    `report_secret` derives each member's report key, `reports_address` tells agents where to
    report.
    """

    def __init__(
        self,
        github: GitHub,
        configs: ConfigStore,
        *,
        report_secret: str,
        reports_address: str,
    ) -> None:
        self._github, self._configs = github, configs
        self._report_secret, self._reports_address = report_secret, reports_address
        self._warm: WarmMachines | None = None
        self._room: Placeholders | None = None

    def warming(self, machines: WarmMachines) -> "PoolActivities":
        """Have members be machines."""
        self._warm = machines
        return self

    def placing(self, placeholders: Placeholders) -> "PoolActivities":
        """Have pods keep room for runners."""
        self._room = placeholders
        return self

    @property
    def _machines(self) -> WarmMachines:
        if self._warm is None:
            raise Refused("this worker keeps no machines of pools: workers of a mode must agree")
        return self._warm

    # It may have taken effect, so it is never interrupted; its answer tells.
    @activity.defn(no_thread_cancel_exception=True)
    def launch_member(self, order: MemberOrder) -> MemberLaunched:
        """Launch the machine of this order, or find the one it launched before."""
        with verdicts():
            return self._machines.launch(order)

    @activity.defn
    def stop_member(self, wanted: MemberStop) -> None:
        """Stop a member's machine."""
        with verdicts():
            self._machines.stop(wanted.machine_id)

    @activity.defn
    def release_member(self, wanted: MemberRelease) -> ReleaseResult:
        """Remove the registration, and only when nobody can give it a job, the machine."""
        with verdicts():
            try:
                self._unregister(wanted)
            except RunnerBusy:
                return ReleaseResult(busy=True)
            seen = self._machines.remove(wanted.member, wanted.machine_id)
            return ReleaseResult(machine_seen=seen)

    @activity.defn
    def register_member(self, wanted: MemberRegistration) -> Registration:
        """Mint a JIT config for a listening member and hand it over; the secret stays in here."""
        with verdicts():
            try:
                minted = self._github.mint(wanted.scope, wanted.runner, [wanted.label])
            except NameTaken:
                return self._found_or_minted_again(wanted)
            return self._handed_over(wanted, minted)

    @activity.defn
    def survey_pool(self, survey: PoolSurvey) -> PoolFacts:
        """List the pool's machines, and name what new ones would be made of."""
        with verdicts():
            watched = set(survey.watched)
            for address in survey.poke:
                self._machines.wake(address)
            site = self._machines.site(survey.spec)
            listed = self._machines.members(survey.pool)
            known = (each for each in listed if each.state != "gone" or each.member in watched)
            return PoolFacts(members=tuple(known), site=site)

    @activity.defn
    def keep_placeholders(self, order: PlaceholderOrder) -> PlaceholderFacts:
        """Make the cluster have what is ordered, and tell what it has."""
        with verdicts():
            if self._room is None:
                raise Refused("this worker keeps no placeholders: workers of a mode must agree")
            return self._room.keep(order)

    def _found_or_minted_again(self, wanted: MemberRegistration) -> Registration:
        """Mend a mint whose answer was lost: keep it if it is in use, else replace it."""
        found = self._github.find_runner(wanted.scope, wanted.runner)
        if found is not None and (found.online or found.busy):
            return found
        if found is not None:
            self._github.delete_runner(wanted.scope, found.runner_id)
        minted = self._github.mint(wanted.scope, wanted.runner, [wanted.label])
        return self._handed_over(wanted, minted)

    def _handed_over(self, wanted: MemberRegistration, minted: JitRunner) -> Registration:
        self._configs.store(wanted.machine_id, self._config(wanted, minted))
        self._machines.wake(wanted.wake)
        return Registration(runner_id=minted.runner_id, runner=minted.runner)

    def _config(self, wanted: MemberRegistration, minted: JitRunner) -> RunnerConfig:
        idle_limit = wanted.idle_limit.total_seconds()
        return RunnerConfig(
            runner=wanted.runner,
            jit_config=minted.jit_config,
            report_key=reports.key(self._report_secret, wanted.runner),
            reports=self._reports_address,
            idle_limit=idle_limit,
            max_runtime=wanted.max_runtime.total_seconds(),
            standby=StandbyConfig(
                member=wanted.member,
                report_key=reports.key(self._report_secret, wanted.member),
                reports=self._reports_address,
                wake=wanted.wake,
                idle_limit=idle_limit,
            ),
        )

    def _unregister(self, wanted: MemberRelease) -> None:
        """Delete the registration, if there is any. Raises RunnerBusy."""
        if wanted.spent or not wanted.registered or wanted.scope is None:
            return
        unregister(self._github, wanted.scope, runner=wanted.runner, runner_id=wanted.runner_id)


def pool_activities(pools: PoolActivities) -> list[Callable[..., Any]]:
    """List what a pool's manager calls."""
    return [
        pools.launch_member,
        pools.stop_member,
        pools.release_member,
        pools.register_member,
        pools.survey_pool,
        pools.keep_placeholders,
    ]
