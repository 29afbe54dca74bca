"""A door that remembers what came in, with levers to shut it."""

import asyncio

from intake.door import Ack
from runs_fleet.errors import FleetError
from runs_fleet.github.events import JobMoved, JobQueued


class ScriptedDoor:
    """Takes everything, unless `error` is set or `shut` is; `shut` never answers."""

    def __init__(self) -> None:
        self.jobs: list[JobQueued] = []
        self.moves: list[JobMoved] = []
        self.error: FleetError | None = None
        self.shut = False

    async def queued(self, job: JobQueued) -> Ack:
        await self._pass()
        known = job.job_id in {known.job_id for known in self.jobs}
        self.jobs.append(job)
        return Ack(result="known" if known else "started", job=job.job_id)

    async def moved(self, moved: JobMoved) -> Ack:
        await self._pass()
        self.moves.append(moved)
        return Ack(result="signalled", job=moved.event.job_id)

    async def ready(self) -> None:
        await self._pass()

    async def _pass(self) -> None:
        if self.error:
            raise self.error
        if self.shut:
            await asyncio.Event().wait()
