"""Outcomes are kept for later: in DynamoDB, and in ConfigMaps of a real cluster."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.outcomes import JobOutcome, Timings
from runs_fleet.providers.ec2.archive import DynamoArchive
from runs_fleet.providers.k8s import archive as k8s_archive
from runs_fleet.providers.k8s.archive import K8sArchive
from runs_fleet.providers.k8s.cluster import CONFIG_MAPS, Cluster, Kind
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.sweep_ports import Archive
from tests.simulator.waiting import until

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PATIENCE = 100.0


@dataclass
class Clock:
    """A clock that the test moves."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


def outcome(job_id: int, *, at: datetime = NOON, reason: str = "") -> JobOutcome:
    timings = Timings(queued=at, delivered=at, completed=at)
    return JobOutcome(job_id=job_id, repo="o/r", state="completed", reason=reason, timings=timings)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(dynamodb: Any) -> str:
    name = f"archive-{uuid.uuid4().hex}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture(params=["dynamodb", "kubernetes"])
def archive(request: pytest.FixtureRequest, clock: Clock) -> Archive:
    if request.param == "kubernetes":
        cluster: Cluster = request.getfixturevalue("cluster")
        return K8sArchive(cluster, fleet="default", kept=DAY, now=clock)
    client, name = request.getfixturevalue("dynamodb"), request.getfixturevalue("table")
    return DynamoArchive(client, name, kept=DAY, now=clock)


def test_what_is_kept_is_found(archive: Archive) -> None:
    kept = outcome(7, reason="Ünïcode as well")
    archive.put(kept)
    assert archive.get(7) == kept


def test_what_was_never_kept_is_not_found(archive: Archive) -> None:
    assert archive.get(7) is None
    archive.put(outcome(6))
    archive.put(outcome(8))
    assert archive.get(7) is None


def test_what_is_kept_already_stays_as_it_is(archive: Archive) -> None:
    archive.put(outcome(7, reason="first"))
    archive.put(outcome(7, reason="second"))
    assert archive.get(7) == outcome(7, reason="first")


def test_jobs_of_several_days_are_found(archive: Archive) -> None:
    archive.put(outcome(7))
    archive.put(outcome(8, at=NOON + DAY))
    archive.put(outcome(9))
    assert [archive.get(job) is not None for job in (7, 8, 9)] == [True, True, True]


def test_what_is_too_old_is_let_go_of(archive: Archive, clock: Clock) -> None:
    archive.put(outcome(7))
    clock.at = NOON + 3 * DAY
    archive.put(outcome(8, at=clock.at))
    assert (archive.get(7), archive.get(8)) == (None, outcome(8, at=clock.at))


def test_many_at_once_are_all_kept(archive: Archive) -> None:
    wanted = [outcome(number) for number in range(1, 13)]
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(archive.put, wanted))
    assert [archive.get(each.job_id) for each in wanted] == wanted


def maps(cluster: Cluster) -> list[Json]:
    return cluster.labelled(CONFIG_MAPS, k8s_archive.DAY)


def test_a_full_map_is_followed_by_another(cluster: Cluster, clock: Clock) -> None:
    archive = K8sArchive(cluster, fleet="default", most=5, now=clock)
    wanted = [outcome(number) for number in range(1, 17)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(archive.put, wanted))
    assert len(maps(cluster)) == 4
    assert max(len(each["data"]) for each in maps(cluster)) == 5
    assert [archive.get(each.job_id) for each in wanted] == wanted


def test_a_map_never_gets_larger_than_a_cluster_takes(cluster: Cluster, clock: Clock) -> None:
    archive = K8sArchive(cluster, fleet="default", now=clock)
    wanted = [outcome(number, reason="x" * 400_000) for number in (1, 2, 3)]
    for each in wanted:
        archive.put(each)
    assert len(maps(cluster)) == 2
    assert [archive.get(each.job_id) for each in wanted] == wanted


def test_an_outcome_that_fits_nowhere_is_refused(cluster: Cluster, clock: Clock) -> None:
    with pytest.raises(Refused, match="bytes long"):
        K8sArchive(cluster, fleet="default", now=clock).put(outcome(1, reason="x" * 1_000_000))


def test_workers_do_not_overwrite_each_other(cluster: Cluster, clock: Clock) -> None:
    workers = [K8sArchive(cluster, fleet="default", most=8, now=clock) for _ in range(3)]
    wanted = [outcome(number) for number in range(1, 19)]
    with ThreadPoolExecutor(9) as threads:
        list(threads.map(lambda each: workers[each.job_id % 3].put(each), wanted))
    assert [workers[0].get(each.job_id) for each in wanted] == wanted


def test_fleets_keep_apart(cluster: Cluster, clock: Clock) -> None:
    K8sArchive(cluster, fleet="default", now=clock).put(outcome(7))
    assert K8sArchive(cluster, fleet="other", now=clock).get(7) is None


class Held(Cluster):
    """Keeps the first write waiting, and counts them all."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.writes = 0
        self.begun, self.may_end = threading.Event(), threading.Event()

    def create(self, body: Json) -> Json:
        return self._cluster.create(body)

    def heads(self, kind: Kind, selector: str) -> list[Json]:
        return self._cluster.heads(kind, selector)

    def replace(self, body: Json) -> Json:
        self.writes += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE), "the test has forgotten about it"
        return self._cluster.replace(body)


def test_what_comes_while_a_write_is_out_goes_together(cluster: Cluster, clock: Clock) -> None:
    held = Held(cluster)
    archive = K8sArchive(held, fleet="default", now=clock)
    with ThreadPoolExecutor(16) as threads:
        first = threads.submit(archive.put, outcome(1))
        assert held.begun.wait(PATIENCE)
        others = [threads.submit(archive.put, outcome(number)) for number in range(2, 12)]
        until(lambda: len(archive._waiting) == len(others), within=PATIENCE)
        held.may_end.set()
        assert [each.result(PATIENCE) for each in (first, *others)] == [None] * 11
    assert held.writes == 2


class Broken(Held):
    """Takes nothing."""

    def replace(self, body: Json) -> Json:
        raise Unavailable("etcd has no leader")


def test_what_is_not_kept_is_said_so(cluster: Cluster, clock: Clock) -> None:
    archive = K8sArchive(Broken(cluster), fleet="default", now=clock)
    with pytest.raises(Unavailable, match="no leader"):
        archive.put(outcome(1))


def test_a_table_that_is_not_there_is_said_so(dynamodb: Any) -> None:
    archive = DynamoArchive(dynamodb, "nowhere")
    with pytest.raises(Refused, match="ResourceNotFound"):
        archive.put(outcome(1))
    with pytest.raises(Refused, match="ResourceNotFound"):
        archive.get(1)
