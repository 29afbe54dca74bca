"""Puts the outcomes of ended lifecycles where they are found when Temporal has forgotten them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from temporalio import activity

from activities.verdicts import verdicts
from runs_fleet.census import EndedCall, EndedRoll, Kept, Owners
from runs_fleet.errors import FleetError, Refused
from runs_fleet.outcomes import JobOutcome
from runs_fleet.sweep_ports import Archive

READERS = 8
# An archive that writes together what comes together gets most of a call at once.
WRITERS = 16


class EndedLifecycles(Protocol):
    """Lifecycles that have ended, while Temporal remembers them. Raises Unavailable."""

    async def ended(self, call: EndedCall) -> EndedRoll:
        """List those that closed in a span of time, as the search shows them."""
        ...

    async def outcome(self, job_id: int) -> JobOutcome | None:
        """Read how one went; None when Temporal does not know it any more."""
        ...


class ArchiveActivities:
    """What a sweep does for the archive, if this worker has one."""

    def __init__(self, lifecycles: EndedLifecycles, archive: Archive | None) -> None:
        self._lifecycles, self._archive = lifecycles, archive

    @activity.defn
    async def list_ended(self, call: EndedCall) -> EndedRoll:
        """List lifecycles whose outcomes are to be kept."""
        with verdicts():
            return await self._lifecycles.ended(call)

    @activity.defn
    async def archive_outcomes(self, wanted: Owners) -> Kept:
        """Read outcomes and keep them; one that cannot be is no reason not to keep others."""
        with verdicts():
            if self._archive is None:
                raise Refused("this worker has no archive: workers of a mode must agree on it")
            read, failed = await self._read(wanted.job_ids)
            errors = await asyncio.to_thread(_put, self._archive, read)
            if read and len(errors) == len(read):
                raise next(iter(errors.values()))
        failed |= errors
        return Kept(
            job_ids=tuple(each.job_id for each in read if each.job_id not in errors),
            failed={job_id: str(error) for job_id, error in failed.items()},
        )

    async def _read(self, job_ids: Sequence[int]) -> tuple[list[JobOutcome], dict[int, FleetError]]:
        turn, failed = asyncio.Semaphore(READERS), dict[int, FleetError]()

        async def one(job_id: int) -> JobOutcome | None:
            async with turn:
                try:
                    return await self._lifecycles.outcome(job_id)
                except FleetError as error:
                    failed[job_id] = error
                    return None

        found = await asyncio.gather(*map(one, job_ids))
        return [each for each in found if each is not None], failed


def _put(archive: Archive, outcomes: Sequence[JobOutcome]) -> dict[int, FleetError]:
    """Keep outcomes side by side; returns why some could not be kept."""

    def one(outcome: JobOutcome) -> FleetError | None:
        try:
            archive.put(outcome)
        except FleetError as error:
            return error
        return None

    with ThreadPoolExecutor(WRITERS, "archive") as threads:
        answers = list(threads.map(one, outcomes))
    told = zip(outcomes, answers, strict=True)
    return {outcome.job_id: error for outcome, error in told if error is not None}


def archive_activities(archive: ArchiveActivities) -> list[Callable[..., Any]]:
    """List what a sweep calls for the archive."""
    return [archive.list_ended, archive.archive_outcomes]
