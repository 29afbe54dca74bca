"""Ended lifecycles as the archive needs them, on a real Temporal server."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from activities.archive import EndedLifecycles
from runs_fleet.census import EndedCall
from runs_fleet.models import Market, Mode
from tests.fakes import MemoryProvider
from tests.lifecycles import Job, Start, eventually
from worker.lifecycles import TemporalLifecycles

NEVER_WAS = 8_888_889
ALL = 10_000


@pytest.fixture
def lifecycles(temporal: Client) -> TemporalLifecycles:
    return TemporalLifecycles(temporal)


def call(*, since: datetime, mode: Mode = "ec2", most: int = ALL) -> EndedCall:
    """Ask for all that have closed since a moment."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    return EndedCall(mode=mode, since=since, until=until, most=most)


async def over(start: Start, mode: Mode = "ec2") -> Job:
    """Play a job to its end."""
    job: Job = await start(mode=mode)
    await job.runs_to_its_end()
    await job.outcome()
    return job


def test_the_adapter_is_the_port(lifecycles: TemporalLifecycles) -> None:
    port: EndedLifecycles = lifecycles
    assert port is lifecycles


async def several(start: Start, lifecycles: TemporalLifecycles, wanted: EndedCall) -> list[int]:
    """Play some jobs, one after the other, and wait until the search shows them."""
    jobs = [(await over(start, mode=wanted.mode)).job_id for _ in range(3)]

    async def shown() -> bool:
        return set(jobs) <= set((await lifecycles.ended(wanted)).job_ids)

    await eventually(shown)
    return jobs


async def test_what_has_closed_is_listed_oldest_first(
    start: Start, lifecycles: TemporalLifecycles
) -> None:
    wanted = call(since=datetime.now(UTC), mode="k8s")
    jobs = await several(start, lifecycles, wanted)
    found = await lifecycles.ended(wanted)
    assert [job for job in found.job_ids if job in jobs] == jobs
    assert found.through == wanted.until


async def test_a_list_that_is_cut_short_says_where_to_go_on(
    start: Start, lifecycles: TemporalLifecycles
) -> None:
    wanted = call(since=datetime.now(UTC), mode="k8s")
    await several(start, lifecycles, wanted)
    everything = (await lifecycles.ended(wanted)).job_ids
    first = await lifecycles.ended(wanted.model_copy(update={"most": 1}))
    assert first.job_ids == everything[:1]
    rest = await lifecycles.ended(wanted.model_copy(update={"since": first.through}))
    assert rest.job_ids == everything


async def test_of_too_many_the_span_is_cut_short(
    start: Start, temporal: Client, lifecycles: TemporalLifecycles
) -> None:
    wanted = call(since=datetime.now(UTC) - timedelta(days=3), mode="k8s")
    await several(start, lifecycles, wanted)
    everything = (await lifecycles.ended(wanted)).job_ids
    hasty = TemporalLifecycles(temporal, most_ended=len(everything) - 1)
    some = await hasty.ended(wanted)
    assert wanted.since < some.through < wanted.until
    assert some.job_ids == everything[: len(some.job_ids)]


async def test_what_is_open_or_of_another_mode_is_not_listed(
    start: Start, lifecycles: TemporalLifecycles
) -> None:
    since = datetime.now(UTC)
    open_one = await start()
    done = await over(start, mode="k8s")
    wanted = call(since=since, mode="k8s")

    async def shown() -> bool:
        return done.job_id in (await lifecycles.ended(wanted)).job_ids

    await eventually(shown)
    found = await lifecycles.ended(call(since=since))
    assert not {done.job_id, open_one.job_id} & set(found.job_ids)
    await open_one.runs_to_its_end()
    await open_one.outcome()


async def test_the_outcome_is_the_lifecycles_own(
    start: Start, lifecycles: TemporalLifecycles
) -> None:
    job = await over(start)
    assert await lifecycles.outcome(job.job_id) == await job.outcome()


async def test_one_that_an_operator_has_cancelled_is_asked(
    start: Start, lifecycles: TemporalLifecycles
) -> None:
    job = await start()
    await job.boots()
    await job.handle.cancel()
    await eventually(lambda: _closed(job))
    found = await lifecycles.outcome(job.job_id)
    assert found is not None
    assert (found.state, found.job_id) == ("released", job.job_id)


async def test_one_that_was_terminated_says_how_far_it_was(
    start: Start, lifecycles: TemporalLifecycles, provider: MemoryProvider
) -> None:
    provider.full = set(Market)
    job = await start()
    await eventually(lambda: provider.orders)
    await job.handle.terminate()
    found = await lifecycles.outcome(job.job_id)
    assert found is not None
    assert found.reason == "Temporal ended its lifecycle: TerminatedError"


async def test_who_is_not_known_has_no_outcome(lifecycles: TemporalLifecycles) -> None:
    assert await lifecycles.outcome(NEVER_WAS) is None


async def _closed(job: Job) -> bool:
    return (await job.handle.describe()).close_time is not None
