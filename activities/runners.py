"""Makes a runner's machine, registers the runner, and takes both away."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from temporalio import activity

from activities.registrations import unregister
from activities.verdicts import verdicts
from runs_fleet import reports
from runs_fleet.errors import (
    FleetError,
    NameTaken,
    RateLimited,
    Refused,
    RunnerBusy,
    Unavailable,
)
from runs_fleet.models import (
    Machine,
    MachineOrder,
    MachineStatus,
    Registration,
    RegistrationRequest,
    RunnerLookup,
)
from runs_fleet.placed import Placed, Placement
from runs_fleet.pools.ports import WarmMachines
from runs_fleet.pools.wire import MemberTake
from runs_fleet.ports import (
    ConfigStore,
    GitHub,
    JitRunner,
    Provider,
    RunnerConfig,
    Telemetry,
)
from runs_fleet.registering import BY_TOKEN, Registrar
from runs_fleet.releases import ReleaseRequest, ReleaseResult

# Runners whose activities were given up meanwhile leave theirs behind.
MOST_UNSTORED = 1000


class RunnerActivities:
    """Holds the ports; decides nothing.

    `report_secret` derives each runner's report key, `reports_address` tells agents where to
    report.
    """

    def __init__(
        self,
        provider: Provider,
        configs: ConfigStore,
        github: GitHub,
        *,
        report_secret: str,
        reports_address: str,
    ) -> None:
        self._provider, self._configs, self._github = provider, configs, github
        self._report_secret, self._reports_address = report_secret, reports_address
        self._telemetry: Telemetry | None = None
        self._warm: WarmMachines | None = None
        self._registrar: Registrar | None = None
        self._unstored: dict[str, JitRunner] = {}

    def telling(self, telemetry: Telemetry) -> Self:
        """Have what is known of released runners written down."""
        self._telemetry = telemetry
        return self

    def warming(self, machines: WarmMachines) -> Self:
        """Have machines of pools made the runners of jobs."""
        self._warm = machines
        return self

    def overflowing(self, registrar: Registrar) -> Self:
        """Have runners register by themselves while GitHub makes no JIT configs."""
        self._registrar = registrar
        return self

    @activity.defn(no_thread_cancel_exception=True)
    def take_member(self, wanted: MemberTake) -> None:
        """Mark a pool's member as a job's runner, and start it if it is stopped."""
        with verdicts():
            if self._warm is None:
                raise Refused(f"this worker keeps no machines of pools: {wanted.member}")
            self._warm.take(
                wanted.machine_id, runner=wanted.runner, start=wanted.start, repo=wanted.repo
            )

    # It may have taken effect, so it is never interrupted; its answer tells.
    @activity.defn(no_thread_cancel_exception=True)
    def create_machine(self, order: MachineOrder) -> Machine:
        """Create the machine of this order, or find the one it made before."""
        with verdicts():
            return self._provider.create(order)

    @activity.defn(no_thread_cancel_exception=True)
    def place_runner(self, wanted: Placement) -> Placed:
        """Create the machine and register its runner: one call for what mostly goes well.

        A runner that could not be registered is no failure: that is tried again by itself.
        """
        machine, again = self.create_machine(wanted.order), _tried_before()
        if activity.in_activity() and activity.is_cancelled():
            return Placed(machine=machine, trouble="not needed any more", begun=again, again=again)
        request = wanted.registration.model_copy(update={"machine_id": machine.machine_id})
        try:
            registration = self._registered(request)
        except FleetError as error:
            return Placed(
                machine=machine,
                trouble=str(error),
                refused=isinstance(error, Refused),
                after=timedelta(seconds=error.after) if isinstance(error, RateLimited) else None,
                begun=again or not isinstance(error, Refused | RateLimited),
                again=again,
            )
        return Placed(machine=machine, registration=registration, again=again)

    @activity.defn
    def find_machines(self, wanted: RunnerLookup) -> list[MachineStatus]:
        """Tell the state of a runner's machines, also of ended ones."""
        with verdicts():
            return self._provider.find(wanted.runner)

    @activity.defn
    def register_runner(self, request: RegistrationRequest) -> Registration:
        """Mint a JIT config and hand it to the machine; the secret stays in here."""
        with verdicts():
            return self._registered(request)

    @activity.defn
    def release_runner(self, request: ReleaseRequest) -> ReleaseResult:
        """Remove the registration, and only when nobody can give it a job, the machine."""
        with verdicts():
            result = self._forced(request) if request.force else self._guarded(request)
        if self._telemetry and request.telemetry and not result.busy:
            self._telemetry.runner_released(request.telemetry)
        return result

    def _registered(self, request: RegistrationRequest) -> Registration:
        if (unstored := self._unstored.pop(request.runner, None)) is not None:
            return self._handed_over(request, unstored)
        try:
            minted = self._github.mint(request.scope, request.runner, request.labels)
        except NameTaken:
            return self._found_or_minted_again(request)
        except RateLimited:
            if self._registrar is None:
                raise
            return self._left_to_the_agent(request, self._registrar)
        return self._handed_over(request, minted)

    def _left_to_the_agent(
        self, request: RegistrationRequest, registrar: Registrar
    ) -> Registration:
        registration = registrar.registration(request.scope, request.labels)
        self._tell(request, replace(self._config(request), registration=registration))
        return Registration(runner_id=BY_TOKEN, runner=request.runner)

    def _guarded(self, request: ReleaseRequest) -> ReleaseResult:
        try:
            self._unregister(request)
        except RunnerBusy:
            return ReleaseResult(busy=True)
        return self._removed(request)

    def _forced(self, request: ReleaseRequest) -> ReleaseResult:
        """Take the machine first: it must not wait for GitHub, which ends busy ones."""
        result = self._removed(request)
        with suppress(RunnerBusy, Refused):
            self._unregister(request)
        return result

    def _removed(self, request: ReleaseRequest) -> ReleaseResult:
        machine_ids = self._machine_ids(request)
        if request.member and self._warm is not None:
            seen = self._warm.remove(request.member, request.machine_id)
        else:
            seen = self._provider.terminate(request.runner, request.machine_id)
        if request.registered and not request.config_read:
            for machine_id in machine_ids:
                self._configs.delete(machine_id)
        return ReleaseResult(machine_seen=seen)

    def _machine_ids(self, request: ReleaseRequest) -> list[str]:
        """Name the machines that may have a config: who lost an answer has to look for them."""
        if request.machine_id is not None:
            return [request.machine_id]
        found = self._provider.find(request.runner) if request.registered else []
        return [each.machine_id for each in found]

    def _found_or_minted_again(self, request: RegistrationRequest) -> Registration:
        """Mend a mint whose answer was lost: keep it if it was handed over, else replace it."""
        found = self._github.find_runner(request.scope, request.runner)
        if found is None:
            minted = self._github.mint(request.scope, request.runner, request.labels)
            return self._handed_over(request, minted)
        config = self._configs.fetch(request.machine_id)
        handed_over = config is not None and config.runner == request.runner
        if handed_over or found.online or found.busy:
            return found
        self._github.delete_runner(request.scope, found.runner_id)
        minted = self._github.mint(request.scope, request.runner, request.labels)
        return self._handed_over(request, minted)

    def _handed_over(self, request: RegistrationRequest, minted: JitRunner) -> Registration:
        try:
            self._tell(request, replace(self._config(request), jit_config=minted.jit_config))
        except RateLimited as error:
            # Of a limit alone nobody would know that GitHub knows the runner.
            self._unstored[request.runner] = minted
            if len(self._unstored) > MOST_UNSTORED:
                del self._unstored[next(iter(self._unstored))]
            raise Unavailable(str(error)) from error
        return Registration(runner_id=minted.runner_id, runner=minted.runner)

    def _config(self, request: RegistrationRequest) -> RunnerConfig:
        return RunnerConfig(
            runner=request.runner,
            jit_config="",
            report_key=reports.key(self._report_secret, request.runner),
            reports=self._reports_address,
            idle_limit=request.idle_limit.total_seconds(),
            max_runtime=request.max_runtime.total_seconds(),
        )

    def _tell(self, request: RegistrationRequest, config: RunnerConfig) -> None:
        self._configs.store(request.machine_id, config)
        if request.wake and self._warm is not None:
            self._warm.wake(request.wake)

    def _unregister(self, request: ReleaseRequest) -> None:
        """Delete the registration, if there is any. Raises RunnerBusy."""
        if request.spent or not request.registered:
            return
        unregister(self._github, request.scope, runner=request.runner, runner_id=request.runner_id)


def runner_activities(runners: RunnerActivities) -> list[Callable[..., Any]]:
    """List what lifecycles and pools call for runners."""
    return [
        runners.create_machine,
        runners.place_runner,
        runners.register_runner,
        runners.release_runner,
        runners.find_machines,
        runners.take_member,
    ]


def _tried_before() -> bool:
    return activity.in_activity() and activity.info().attempt > 1
