"""The watch on a real API server, whose pods run nowhere: the test plays the kubelet."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiClient

from runs_fleet import names
from runs_fleet.ports import MachineNews
from runs_fleet.providers.k8s.watch import K8sWatch
from simulator.kube.api import Api, Json
from simulator.kube.cluster import Cluster
from tests.k8s.access import connected
from tests.k8s.objects import labels, terminated, waiting
from tests.simulator.waiting import until

PATIENCE = 100.0
RUNNER = names.runner(11, 1)
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Fleet:
    """A namespace with Jobs like ours."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._core = api, f"/api/v1/namespaces/{namespace}"
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def creates(
        self,
        runner: str = RUNNER,
        *,
        security: Json = RESTRICTED,
        fleet: str = "default",
        **spec: Any,
    ) -> None:
        """Make a Job as the provider does, as far as a watch can tell."""
        marks = labels(runner, fleet)
        container = {"name": "runner", "image": "runner", "securityContext": security}
        template = {
            "metadata": {"labels": marks},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }
        self._api.post(
            self._jobs,
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": runner, "labels": marks},
                "spec": {"backoffLimit": 0, "template": template, **spec},
            },
        )

    def pods(self, runner: str = RUNNER) -> list[Json]:
        """Read the runner's pods."""
        selector = f"runs-fleet.io/runner={runner}"
        found: list[Json] = self._api.get(f"{self._core}/pods", labelSelector=selector)["items"]
        return found

    def shows(self, phase: str, runner: str = RUNNER, **status: Any) -> None:
        """Say what a kubelet would say of the pod."""
        until(lambda: self.pods(runner), within=PATIENCE)
        name = self.pods(runner)[0]["metadata"]["name"]
        body = {"status": {"phase": phase, **status}}
        self._api.patch(f"{self._core}/pods/{name}/status", body)

    def removes(self, runner: str = RUNNER) -> None:
        """Remove a Job as the provider does."""
        policy = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        self._api.delete(f"{self._jobs}/{runner}", policy)


class Reader:
    """Reads a watch on, and keeps what it has told."""

    def __init__(self, watch: K8sWatch) -> None:
        self.watch, self.news = watch, list[MachineNews]()

    def tells(self, kind: str, cause: str, runner: str = RUNNER) -> MachineNews:
        """Wait until this is told."""

        def told() -> list[MachineNews]:
            self.news += self.watch.read()
            return [each for each in self.news if _is(each, (kind, cause, runner))]

        until(told, within=PATIENCE)
        return told()[0]


def _is(news: MachineNews, wanted: tuple[str, str, str]) -> bool:
    return (news.event.kind, news.event.cause, news.event.runner) == wanted


@pytest.fixture
def client(control_plane: Cluster) -> Iterator[ApiClient]:
    with connected(control_plane) as client:
        yield client


@pytest.fixture
def fleet(control_plane: Cluster, namespace: str) -> Fleet:
    return Fleet(control_plane.api, namespace)


def reading(client: ApiClient, namespace: str) -> Iterator[Reader]:
    """A watch for which time goes by twenty times as fast."""
    watch = K8sWatch(
        client, namespace, fleet="default", lease_seconds=5, clock=lambda: 20 * time.monotonic()
    )
    yield Reader(watch)
    watch.close()


@pytest.fixture
def reader(client: ApiClient, namespace: str) -> Iterator[Reader]:
    yield from reading(client, namespace)


@pytest.fixture
def second(client: ApiClient, namespace: str) -> Iterator[Reader]:
    yield from reading(client, namespace)


def test_a_pod_without_a_node_is_told_with_the_schedulers_words(
    fleet: Fleet, reader: Reader
) -> None:
    fleet.creates()
    news = reader.tells("stalled", "Unschedulable")
    assert "available" in news.event.detail
    assert not news.routine


def test_what_was_there_before_the_watch_is_seen_too(fleet: Fleet, reader: Reader) -> None:
    fleet.creates()
    fleet.shows("Pending", containerStatuses=waiting("ImagePullBackOff", "no such image"))
    assert reader.tells("stalled", "ImagePullBackOff").event.detail == "no such image"


def test_a_runner_killed_for_its_memory_is_told(fleet: Fleet, reader: Reader) -> None:
    fleet.creates()
    fleet.shows("Failed", containerStatuses=terminated(137, "OOMKilled"))
    assert not reader.tells("gone", "OOMKilled").event.taken


def test_an_evicted_runner_is_told(fleet: Fleet, reader: Reader) -> None:
    fleet.creates()
    fleet.shows("Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert reader.tells("gone", "Evicted").event.taken


def test_a_job_whose_pod_is_refused_is_told_with_the_reason(fleet: Fleet, reader: Reader) -> None:
    fleet.creates(security={"privileged": True})
    assert "violates PodSecurity" in reader.tells("stalled", "FailedCreate").event.detail


def test_a_job_past_its_deadline_is_told(fleet: Fleet, reader: Reader) -> None:
    fleet.creates(activeDeadlineSeconds=1)
    assert not reader.tells("gone", "DeadlineExceeded").event.taken


def test_a_job_taken_away_is_routine(fleet: Fleet, reader: Reader) -> None:
    fleet.creates()
    reader.tells("stalled", "Unschedulable")
    fleet.removes()
    assert reader.tells("gone", "Deleted").routine


def test_another_fleet_in_the_namespace_is_left_alone(fleet: Fleet, reader: Reader) -> None:
    other = names.runner(12, 1)
    fleet.creates(other, fleet="other")
    fleet.shows("Failed", other, containerStatuses=terminated(137, "OOMKilled"))
    fleet.creates()
    reader.tells("stalled", "Unschedulable")
    assert {each.event.runner for each in reader.news} == {RUNNER}


def test_one_of_two_watches_tells_and_the_other_follows(
    fleet: Fleet, reader: Reader, second: Reader
) -> None:
    later = names.runner(12, 1)
    fleet.creates()
    fleet.shows("Failed", containerStatuses=terminated(137, "OOMKilled"))
    reader.tells("gone", "OOMKilled")
    second.news += second.watch.read()
    fleet.creates(later)
    fleet.shows("Failed", later, containerStatuses=terminated(3, "Error"))
    reader.tells("gone", "Error", later)
    assert second.news + second.watch.read() == []
    reader.watch.close()
    second.tells("gone", "Error", later)


def test_a_watch_may_be_closed_before_it_has_begun(client: ApiClient, namespace: str) -> None:
    watch = K8sWatch(client, namespace, fleet="default")
    watch.close()
    assert watch.read() == []
