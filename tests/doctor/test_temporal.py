"""What the doctor says of a Temporal that lacks one thing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from cli.checks import temporal
from cli.checks.temporal import Site, Wanted
from runs_fleet import names
from runs_fleet.census import SweepRequest
from simulator.temporal import TemporalServer
from tests.doctor.conftest import connected, found, make_namespace, patiently
from worker import schedules

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

TYPES = {
    "KEYWORD": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "TEXT": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
}


async def site(client: Client, wanted: Wanted | None = None) -> Site:
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return Site(client, described, wanted or Wanted("ec2"))


@pytest.mark.parametrize(("days", "status"), [(1, "failed"), (2, "failed"), (3, "ok")])
async def test_history_that_is_forgotten_within_three_days_fails(
    temporal_server: TemporalServer, days: int, status: str
) -> None:
    name = await make_namespace(temporal_server, days=days, known=False)
    finding = await found(temporal.retention, await site(await connected(temporal_server, name)))
    assert finding.status == status
    cure = f"temporal operator namespace update --namespace {name} --retention 168h"
    assert (cure in finding.cure) is (status == "failed")


@pytest.mark.parametrize(
    ("kinds", "status", "words"),
    [
        ({}, "warning", "missing: Repo, JobName"),
        ({"Repo": "KEYWORD"}, "warning", "missing: JobName"),
        ({"Repo": "TEXT"}, "failed", "Repo is Text and must be Keyword"),
    ],
)
async def test_search_attributes_are_told_apart(
    temporal_server: TemporalServer, kinds: Mapping[str, str], status: str, words: str
) -> None:
    name = await make_namespace(temporal_server, days=7, known=False)
    client = await connected(temporal_server, name)
    added = {attribute: TYPES[kind] for attribute, kind in kinds.items()}
    _ = added and await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=name, search_attributes=added)
    )
    here = await site(client)

    async def told() -> bool:
        return words in (await found(temporal.search_attributes, here)).said

    await patiently(told)
    assert (await found(temporal.search_attributes, here)).status == status


async def test_a_server_that_keeps_the_polls_of_ended_workers_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str
) -> None:
    here = await site(await connected(temporal_server, temporal_namespace))
    assert (await found(temporal.graceful_shutdown, here)).status == "ok"
    here.namespace.namespace_info.capabilities.worker_poll_complete_on_shutdown = False
    finding = await found(temporal.graceful_shutdown, here)
    assert finding.status == "warning"
    assert "frontend.enableCancelWorkerPollsOnShutdown" in finding.cure


async def test_without_a_worker_the_task_queue_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str
) -> None:
    here = await site(await connected(temporal_server, temporal_namespace), Wanted("k8s"))
    finding = await found(temporal.task_queue, here)
    assert (finding.status, "'runs-fleet-k8s'" in finding.said) == ("warning", True)


async def test_a_deployment_that_no_worker_has_made_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str
) -> None:
    wanted = Wanted("ec2", deployment="never-was", build="b1")
    here = await site(await connected(temporal_server, temporal_namespace), wanted)
    finding = await found(temporal.worker_versioning, here)
    assert (finding.status, "'never-was'" in finding.said) == ("warning", True)


async def test_a_sweep_that_was_never_scheduled_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str
) -> None:
    here = await site(await connected(temporal_server, temporal_namespace), Wanted("k8s"))
    finding = await found(temporal.sweep_schedule, here)
    assert (finding.status, "no schedule 'sweep-k8s'" in finding.said) == ("warning", True)


async def test_a_sweep_that_is_turned_off_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str
) -> None:
    wanted = Wanted("ec2", sweep_interval=None)
    here = await site(await connected(temporal_server, temporal_namespace), wanted)
    assert (await found(temporal.sweep_schedule, here)).status == "warning"


async def test_a_sweep_that_somebody_paused_is_warned_of_in_their_words(
    temporal_server: TemporalServer,
) -> None:
    name = await make_namespace(temporal_server, days=7, known=False)
    client = await connected(temporal_server, name)
    await schedules.ensure(client, SweepRequest(mode="ec2"), timedelta(hours=1))
    await client.get_schedule_handle(names.sweep("ec2")).pause(note="while we move house")
    finding = await found(temporal.sweep_schedule, await site(client))
    assert (finding.status, "while we move house" in finding.said) == ("warning", True)
    assert "--unpause" in finding.cure


@pytest.mark.parametrize(("ago", "status"), [(6, "ok"), (8, "warning")])
async def test_a_sweep_that_is_late_is_warned_of(
    temporal_server: TemporalServer, temporal_namespace: str, ago: int, status: str
) -> None:
    client = await connected(temporal_server, temporal_namespace)
    await schedules.ensure(client, SweepRequest(mode="ec2"), timedelta(hours=1))
    described = await client.get_schedule_handle(names.sweep("ec2")).describe()
    described.info.created_at = datetime.now(UTC) - timedelta(minutes=ago)
    every = timedelta(minutes=2)
    assert temporal.judged(described, "sweep-ec2", every=every).status == status
