"""One job's story: acts of GitHub, agents, the cloud and operators, then an ordinary end."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Literal

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.models import JobEvent, MachineEvent, Phase, ReportKind, RunnerReport
from runs_fleet.outcomes import JobOutcome
from tests.stateful.scripts import Delivery, Script
from tests.stateful.site import Host, Site
from tests.stateful.workers import Workers
from workflows.runner_lifecycle import RunnerLifecycle

Word = tuple[Callable[..., Any], Any]
BOOT_PATIENCE, TICK = 2.0, 0.02


class Play:
    """Performs a script; an act whose time has not come is left out."""

    def __init__(
        self, site: Site, handle: WorkflowHandle[RunnerLifecycle, JobOutcome], workers: Workers
    ) -> None:
        self.site, self.handle, self.workers = site, handle, workers
        self.other = site.job_id + 1
        self.performed: list[str] = []
        self._kept: list[Word] = []
        self._acts: dict[str, Callable[[], Coroutine[Any, Any, list[Word]]]] = {
            name.removeprefix("act_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("act_")
        }

    async def perform(self, script: Script) -> None:
        """Play the acts in their order, each with its delivery."""
        for act in script.acts:
            words = await self._acts[act.name]()
            if words:
                self.performed.append(f"{act.name} {act.delivery}")
            await self._deliver(words, act.delivery)

    async def to_the_end(self, patience: float) -> None:
        """Let everything work, say what was not said, and play on until the lifecycle has ended."""
        self.site.heal()
        await self._deliver(self._kept, "once")
        deadline = asyncio.get_running_loop().time() + patience
        while (await self.handle.describe()).status == WorkflowExecutionStatus.RUNNING:
            assert asyncio.get_running_loop().time() < deadline, "the lifecycle never ended"
            for act in ("boot_now", "start", "finish", "finish_other"):
                await self._deliver(await self._acts[act](), "once")
            await asyncio.sleep(TICK)

    async def _deliver(self, words: list[Word], delivery: Delivery) -> None:
        if delivery == "lost":
            self._kept += words
            return
        for signal, said in words * (2 if delivery == "twice" else 1):
            try:
                await self.handle.signal(signal, said)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise

    # What is said.

    def _github(self) -> Word:
        return RunnerLifecycle.github_event, self.site.says()

    def _of_other(self, runner: str, phase: Phase, conclusion: str | None = None) -> Word:
        return RunnerLifecycle.github_event, JobEvent(
            job_id=self.other,
            phase=phase,
            conclusion=conclusion,
            runner_name=runner,
            at=datetime.now(UTC),
        )

    def _agent(self, host: Host, kind: ReportKind, outcome: str = "") -> Word:
        return RunnerLifecycle.report, RunnerReport(
            runner=host.runner, kind=kind, at=datetime.now(UTC), outcome=outcome
        )

    def _cloud(self, host: Host, kind: Literal["gone", "interruption"], cause: str) -> Word:
        return RunnerLifecycle.machine_event, MachineEvent(
            machine_id=host.machine.machine_id, kind=kind, cause=cause, at=datetime.now(UTC)
        )

    # What happens.

    async def act_boot(self) -> list[Word]:
        """The agent of a machine takes its config and connects; it is worth waiting for."""
        deadline = asyncio.get_running_loop().time() + BOOT_PATIENCE
        while not (words := await self.act_boot_now()):
            late = asyncio.get_running_loop().time() > deadline
            if late or self.site.phase != "queued" or self.site.commanded:
                break
            await asyncio.sleep(TICK)
        return words

    async def act_boot_now(self) -> list[Word]:
        with self.site.lock:
            for host in self.site.hosts:
                if host.alive and not host.booted and host.machine.machine_id in self.site.configs:
                    config = self.site.configs.pop(host.machine.machine_id)
                    host.booted = True
                    known = self.site.registered.get(host.runner)
                    host.online = str(known) == config.jit_config
                    lost = self._agent(host, "finished", "registration_lost")
                    return [self._agent(host, "ready"), *([] if host.online else [lost])]
        return []

    async def act_start(self) -> list[Word]:
        """GitHub gives the job to its own runner."""
        with self.site.lock:
            host = self._idle()
            if host is None or self.site.phase != "queued":
                return []
            self.site.phase, self.site.runner = "in_progress", host.runner
            host.serving = self.site.job_id
            return [self._github(), self._agent(host, "started")]

    async def act_steal(self) -> list[Word]:
        """GitHub gives another job to this job's runner."""
        with self.site.lock:
            if (host := self._idle()) is None:
                return []
            host.serving = self.other
            return [self._of_other(host.runner, "in_progress"), self._agent(host, "started")]

    async def act_elsewhere(self) -> list[Word]:
        """GitHub gives the job to another job's runner."""
        with self.site.lock:
            if self.site.phase != "queued":
                return []
            self.site.phase, self.site.runner = "in_progress", names.runner(self.other, 1)
            return [self._github()]

    async def act_finish(self) -> list[Word]:
        with self.site.lock:
            return self._conclude("success", "Succeeded")

    async def act_fail(self) -> list[Word]:
        with self.site.lock:
            return self._conclude("failure", "Failed")

    async def act_cancel_at_github(self) -> list[Word]:
        with self.site.lock:
            if self.site.phase != "queued":
                return self._conclude("cancelled", "Canceled")
            self.site.phase, self.site.conclusion = "completed", "cancelled"
            return [self._github()]

    async def act_finish_other(self) -> list[Word]:
        """The other job that has this job's runner is over."""
        with self.site.lock:
            for host in self.site.hosts:
                if host.serving == self.other:
                    self._free(host)
                    done = self._of_other(host.runner, "completed", "success")
                    return [done, self._agent(host, "finished", "Succeeded")]
        return []

    async def act_lose(self) -> list[Word]:
        """The cloud takes a machine; GitHub fails the job that it had."""
        with self.site.lock:
            host = next((host for host in self.site.hosts if host.alive), None)
            if host is None:
                return []
            host.alive, host.taken = False, True
            words = [self._cloud(host, "gone", "Server.SpotInstanceTermination")]
            serving = host.serving
            host.online = False
            if serving == self.other:
                self._free(host)
                words.append(self._of_other(host.runner, "completed", "failure"))
            if serving == self.site.job_id:
                words += self._conclude("failure", "")[:1]
            return words

    async def act_notice(self) -> list[Word]:
        """The cloud warns that it will take a machine, and then does not."""
        with self.site.lock:
            host = next((host for host in self.site.hosts if host.alive), None)
            return [] if host is None else [self._cloud(host, "interruption", "terminate")]

    async def act_break(self) -> list[Word]:
        """A runner breaks before it has a job."""
        with self.site.lock:
            if (host := self._idle()) is None:
                return []
            host.online = False
            return [self._agent(host, "failed", "broken")]

    async def act_drop(self) -> list[Word]:
        """GitHub drops the registration of an idle runner."""
        with self.site.lock:
            if (host := self._idle()) is None:
                return []
            self._free(host)
            return [self._agent(host, "finished", "registration_lost")]

    async def act_cancel(self) -> list[Word]:
        """An operator presses Cancel in Temporal's pages."""
        self.site.commanded = True
        self.performed.append("cancel")
        try:
            await self.handle.cancel()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        return []

    async def act_kill(self) -> list[Word]:
        """The worker dies, and another one begins."""
        self.performed.append("kill")
        await self.workers.kill()
        self.workers.start()
        return []

    # How GitHub keeps its books.

    def _idle(self) -> Host | None:
        return next(
            (
                host
                for host in self.site.hosts
                if host.online and host.serving is None and host.runner in self.site.registered
            ),
            None,
        )

    def _conclude(self, conclusion: str, outcome: str) -> list[Word]:
        if self.site.phase != "in_progress":
            return []
        self.site.phase, self.site.conclusion = "completed", conclusion
        words = [self._github()]
        for host in self.site.hosts:
            if host.serving == self.site.job_id:
                self._free(host)
                words.append(self._agent(host, "finished", outcome))
        return words

    def _free(self, host: Host) -> None:
        """An ephemeral runner is gone from GitHub with its job."""
        host.serving, host.online = None, False
        self.site.registered.pop(host.runner, None)
