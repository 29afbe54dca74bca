"""The list of jobs says what lasts, and is told no more often than that."""

from typing import Any, Final

import pytest
from temporalio.client import Client
from temporalio.converter import CompositePayloadConverter

from runs_fleet.errors import NoCapacity
from runs_fleet.models import RunnerSpec
from tests.fakes import MemoryProvider
from tests.lifecycles import Job, Start, eventually
from workflows.payloads import DATA_CONVERTER

UPSERT: Final = "upsert_workflow_search_attributes_event_attributes"
PLACED = ("placing", "2cpu-4gib")


async def columns(temporal: Client, job: Job) -> dict[str, Any]:
    told = await temporal.get_workflow_handle(job.handle.id).describe()
    return {pair.key.name: pair.value for pair in told.typed_search_attributes}


async def changes(job: Job) -> int:
    history = await job.handle.fetch_history()
    return sum(event.HasField(UPSERT) for event in history.events)


async def until(temporal: Client, job: Job, state: str) -> dict[str, Any]:
    async def shown() -> dict[str, Any]:
        found = await columns(temporal, job)
        return found if found["RunnerState"] == state else {}

    return dict(await eventually(shown))


async def test_a_clusters_machine_is_listed_before_it_is_made(
    start: Start, temporal: Client, provider: MemoryProvider
) -> None:
    job = await start(mode="k8s")
    shown = await columns(temporal, job)
    assert (shown["RunnerState"], shown["MachineType"]) == PLACED
    assert (shown["RunnerName"], shown["Attempt"]) == (job.runner(), 1)
    assert "MachineId" not in shown, "or the sweep would take it for lost"
    machine = await job.boots()
    assert (await until(temporal, job, "booting"))["MachineId"] == machine
    assert await changes(job) == 1, "its making alone changes nothing that the list shows"
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.outcome()


async def test_a_cluster_that_makes_no_machine_has_none_in_the_list(
    start: Start, temporal: Client, provider: MemoryProvider
) -> None:
    provider.errors += [NoCapacity("quota")] * 2
    job = await start(mode="k8s", spec=RunnerSpec(spot=False))
    shown = await until(temporal, job, "waiting")
    assert {"MachineId", "MachineType", "RunnerName", "Attempt"}.isdisjoint(shown)
    await job.says_github("completed", conclusion="cancelled")
    await job.outcome()


@pytest.mark.parametrize("mode", ["ec2", "k8s"])
async def test_a_finished_job_is_listed_once_with_all_that_became_of_it(
    start: Start, temporal: Client, mode: str
) -> None:
    job = await start(mode=mode)
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await until(temporal, job, "running")
    told = await changes(job)
    await job.says_github("completed", on=job.runner(), conclusion="failure")
    await job.outcome()
    shown = await columns(temporal, job)
    assert (shown["RunnerState"], shown["Conclusion"]) == ("completed", "failure")
    assert shown["RunnerName"] == job.runner()
    assert await changes(job) == told + 1


def test_what_one_workflow_has_learnt_of_a_type_the_next_one_knows() -> None:
    made = DATA_CONVERTER.payload_converter_class
    first, second = made(), made()
    assert isinstance(first, CompositePayloadConverter)
    assert isinstance(second, CompositePayloadConverter)
    assert first is not second
    assert list(first.converters.values()) == list(second.converters.values())
