"""The life of one pod on its node, as a kubelet leads it: from mounting to removal."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.kube import containers, mounts, status
from simulator.kube.api import Json
from simulator.kube.containers import Idle, Process
from simulator.kube.records import Book
from simulator.kube.site import NoSuchPod, Site
from simulator.kube.status import Container, Verdict

NEVER_STARTED = ("ContainerStatusUnknown", "The container could not be located when the pod ended")
NOTHING = Verdict()
TOO_LONG = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True)
class Doom:
    """What ends a pod from outside; `mute`: nobody is left on the node to say so."""

    cause: str
    grace: float = 0.0
    verdict: Verdict = NOTHING
    reason: str = ""
    mute: bool = False


NODE_LOST = Doom("NodeLost", mute=True)


class PodLife:
    """One pod. All methods belong to the loop's thread; `live` runs until the pod is gone."""

    def __init__(self, pod: Json, site: Site) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        self.pod = pod
        self.home: Path = site.home / "pods" / metadata["namespace"] / metadata["name"]
        self.book = Book(pod, self.home)
        self._site = site
        self._containers = [
            *(Container(one, init=True) for one in spec.get("initContainers", ())),
            *(Container(one) for one in spec["containers"]),
        ]
        self._processes: dict[str, Process] = {}
        self._doom: Doom | None = None
        self._over = self._gone = False
        self._let_go = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def node(self) -> str:
        """Where it runs."""
        return str(self.pod["spec"]["nodeName"])

    @property
    def main(self) -> str:
        """The first of its main containers."""
        return str(self.pod["spec"]["containers"][0]["name"])

    async def live(self) -> None:
        """Lead the pod from its binding to its removal."""
        self._task = asyncio.current_task()
        disarm = self._arm_deadline()
        try:
            if self._doom is None:
                await self._work()
        except NoSuchPod:
            self.vanish()
        except asyncio.CancelledError:
            # Without a doom it is the world that ends.
            if self._doom is None:
                raise
        finally:
            disarm()
        await self._wind_up(self._doom or Doom("", grace=self._grace()))
        await self._let_go.wait()
        if not self._gone and not (self._doom and self._doom.mute):
            await self._site.remove(self.pod)
        self.book.note("gone")

    def saw(self, pod: Json) -> None:
        """Take note of a change; a pod that is being deleted is told to end."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            self._let_go.set()
            self.strike(Doom("Deleted", grace=grace))

    def vanish(self) -> None:
        """The pod is no longer in the API: nothing of it may stay."""
        self._gone = True
        self._let_go.set()
        self.strike(Doom("Vanished", mute=True))
        self._kill(self._processes.values())

    def strike(self, doom: Doom) -> None:
        """End the pod; the first cause counts, a later one may only hasten it."""
        if self._doom is None and not self._over:
            self.book.struck(doom.cause, self.main)
            self._doom = doom
            if self._task is not None:
                self._task.cancel()
        elif doom.grace == 0:
            self._kill(self._processes.values())
        if doom.mute:
            self._let_go.set()

    async def _work(self) -> None:
        await self._mount()
        await asyncio.sleep(self._site.boot_time())
        for one in self._containers:
            await self._bring_up(one)
            if one.init and not one.sidecar:
                await self._await_end(one)
                if one.exit_code:
                    return
        self.book.note("running")
        await self._say()
        for one in self._containers:
            if not one.init:
                await self._await_end(one)

    async def _mount(self) -> None:
        """Try until every volume is there, as ConfigMaps and Secrets may come after the pod."""
        pause, tried_for = self._site.manners.mount_retry, 0.0
        while (trouble := await self._tried_to_mount()) is not None:
            if not tried_for:
                await self._say()
            await asyncio.sleep(pause)
            if tried_for <= self._site.manners.mount_event_after < tried_for + pause:
                await self._site.tell(self.pod, "FailedMount", trouble)
            tried_for += pause
            pause = min(pause * 2, self._site.manners.mount_retry_most)
        self.book.note("mounted")

    async def _tried_to_mount(self) -> str | None:
        fetch = self._site.fetch(self.pod)
        try:
            await self._site.call(lambda: mounts.mount(self.pod, self._volumes, fetch))
        except mounts.NotMounted as trouble:
            return str(trouble)
        return None

    async def _bring_up(self, one: Container) -> None:
        """Start a container, once nothing stands in its way."""
        env = await self._environment(one)
        if self._does_nothing(one, env):
            process: Process = Idle()
        else:
            name, home = f"{self.pod['metadata']['uid']}/{one.name}", self.home / one.name
            process = self._site.runtime.start(name, one.spec, env=env, home=home)
        self._processes[one.name] = process
        pid = await asyncio.shield(process.started)
        one.state = status.running()
        if pid and one.name == self.main:
            self.book.started(pid)

    def _does_nothing(self, one: Container, env: dict[str, str]) -> bool:
        if containers.is_agent(env):
            return self._site.is_mute()
        return containers.is_idle(one.spec, self._site.manners.idle)

    async def _environment(self, one: Container) -> dict[str, str]:
        while True:
            stall = self._site.stall(self.pod, one.spec["image"])
            if stall is None:
                try:
                    return await self._work_out_environment(one)
                except mounts.Missing as missing:
                    stall = status.waiting("CreateContainerConfigError", str(missing))
            if one.state != stall:
                one.state = stall
                await self._say()
            await asyncio.sleep(self._site.manners.stalled_look)

    async def _work_out_environment(self, one: Container) -> dict[str, str]:
        fetch = self._site.fetch(self.pod)
        return await self._site.call(
            lambda: containers.environment(one.spec, self.pod, self._volumes, fetch)
        )

    async def _await_end(self, one: Container) -> None:
        code = await asyncio.shield(self._processes[one.name].ended)
        one.end(code)

    async def _wind_up(self, doom: Doom) -> None:
        """End what still runs, the sidecars last, and say how it all ended."""
        self._over = True
        if doom.mute:
            self._kill(self._processes.values())
        for inits in (False, True):
            await self._end_all([o for o in self._containers if o.init == inits], doom)
        self.book.ended(next(o.exit_code for o in self._containers if o.name == self.main))
        if not doom.mute and not self._gone:
            await self._say(doom.verdict)

    async def _end_all(self, group: list[Container], doom: Doom) -> None:
        running = {o.name: self._processes[o.name] for o in group if o.name in self._processes}
        await _ended(running.values(), grace=doom.grace)
        for one in group:
            if one.name in running:
                one.end(running[one.name].ended.result(), reason="" if one.init else doom.reason)
            elif doom.cause:
                one.end(status.KILLED, reason=NEVER_STARTED[0], message=NEVER_STARTED[1])

    def _kill(self, processes: Iterable[Process]) -> None:
        for process in processes:
            process.kill()

    async def _say(self, verdict: Verdict = NOTHING) -> None:
        """Write the status; a write that has begun is finished, so that none overtakes another."""
        said = status.of(self.pod, self._containers, verdict)
        await asyncio.shield(self._site.keep(self._write(said)))

    async def _write(self, said: Json) -> None:
        async with self._writing:
            if not self._gone:
                try:
                    await self._site.write_status(self.pod, said)
                except NoSuchPod:
                    self.vanish()

    def _arm_deadline(self) -> Callable[[], None]:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return lambda: None
        verdict = Verdict(phase="Failed", reason="DeadlineExceeded", message=TOO_LONG)
        doom = Doom("DeadlineExceeded", grace=self._grace(), verdict=verdict)
        return asyncio.get_running_loop().call_later(seconds, self.strike, doom).cancel

    def _grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    @property
    def _volumes(self) -> Path:
        return self.home / "volumes"


async def _ended(processes: Iterable[Process], *, grace: float) -> None:
    """Have processes end: asked first, if there is a grace, and killed when it is over."""
    running = list(processes)
    for one in running:
        one.stop() if grace else one.kill()
    try:
        async with asyncio.timeout(grace or None):
            await _all_ended(running)
    except TimeoutError:
        for one in running:
            one.kill()
        await _all_ended(running)


def _all_ended(running: list[Process]) -> Coroutine[Any, Any, list[int]]:
    async def wait() -> list[int]:
        return [await asyncio.shield(one.ended) for one in running]

    return wait()
