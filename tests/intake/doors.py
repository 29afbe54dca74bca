"""A door that remembers what came in, with levers to shut it."""

import asyncio

from intake.door import Ack
from runs_fleet.errors import FleetError
from runs_fleet.github.events import JobMoved, JobQueued


class ScriptedDoor:
    """Takes everything, unless `error` is set or `shut` is; who finds it shut waits for `open`.

    With `unknown` no workflow cares for what moves; `waiting` counts who found it shut.
    """

    def __init__(self) -> None:
        self.jobs: list[JobQueued] = []
        self.moves: list[JobMoved] = []
        self.error: FleetError | None = None
        self.shut = False
        self.unknown = False
        self.waiting = 0
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let in who waits."""
        self.shut = False
        self._opened.set()

    async def queued(self, job: JobQueued) -> Ack:
        await self._pass()
        known = job.job_id in {known.job_id for known in self.jobs}
        self.jobs.append(job)
        return Ack(result="known" if known else "started", job=job.job_id)

    async def moved(self, moved: JobMoved) -> Ack:
        await self._pass()
        self.moves.append(moved)
        result = "unknown" if self.unknown else "signalled"
        return Ack.model_validate({"result": result, "job": moved.event.job_id})

    async def ready(self) -> None:
        await self._pass()

    async def _pass(self) -> None:
        if self.error:
            raise self.error
        if self.shut:
            self.waiting += 1
            await self._opened.wait()
