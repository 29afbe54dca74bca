"""An API server that is killed, away, slow or in a bad mood; these tests have one of their own."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.kube.api import Api, ApiAway, ApiError, Gone
from simulator.kube.controlplane import ControlPlane, Options
from simulator.kube.faults import Fault
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents
from simulator.kube.proxy import Call, Proxy
from tests.kube.cluster import built_or_skipped, namespaced
from tests.kube.jobs import PATIENCE, Jobs, script
from tests.simulator.waiting import until

SPACES = "/api/v1/namespaces"
CLAIM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}


@pytest.fixture(scope="module")
def plane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A control plane that may be broken."""
    built_or_skipped(request)
    home = tmp_path_factory.mktemp("breakable")
    with ControlPlane(home, Options(compaction="1s", audit=True)) as running:
        yield running


@pytest.fixture
def jobs(plane: ControlPlane) -> Iterator[Jobs]:
    with namespaced(plane.cluster) as name:
        yield Jobs(plane.cluster.api, name)


@pytest.fixture
def nodes(plane: ControlPlane, jobs: Jobs, tmp_path: Path) -> Iterator[Nodes]:
    agents = Agents(preload=())
    with Nodes(plane.kubeconfig, tmp_path, namespace=jobs.namespace, agents=agents) as running:
        yield running


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[Proxy]:
    with Proxy(plane) as running:
        yield running


@pytest.fixture
def by_proxy(plane: ControlPlane, proxy: Proxy, tmp_path: Path) -> Iterator[Api]:
    with Api.of(proxy.kubeconfig(plane.kubeconfig, tmp_path / "kubeconfig")) as api:
        yield api


def test_jobs_end_while_the_api_server_is_away(
    plane: ControlPlane, nodes: Nodes, jobs: Jobs
) -> None:
    jobs.start("patient", script("echo up; while [ ! -e go ]; do sleep 0.05; done"))
    jobs.phase("patient", "Running")
    plane.kill_apiserver()
    (nodes.pod("patient").home / "main" / "go").touch()
    until(lambda: nodes.pod("patient").exit_code == 0, within=PATIENCE)
    plane.start_apiserver()
    jobs.phase("patient", "Succeeded")
    jobs.condition("patient", "Complete")


def test_nodes_go_on_when_the_api_server_is_there_again(
    plane: ControlPlane, nodes: Nodes, jobs: Jobs
) -> None:
    jobs.start("before", script("echo up; while :; do sleep 0.05; done"))
    jobs.phase("before", "Running")
    plane.restart_apiserver()
    jobs.delete("before")
    until(lambda: not nodes.pod("before").alive, within=PATIENCE)
    jobs.start("after", script("true"))
    jobs.phase("after", "Succeeded")


def test_old_versions_are_forgotten(plane: ControlPlane, jobs: Jobs) -> None:
    path = f"{SPACES}/{jobs.namespace}/configmaps"
    jobs.api.post(path, CLAIM)
    first = jobs.api.get(path)["metadata"]["resourceVersion"]

    def forgotten() -> bool:
        jobs.api.patch(f"{path}/made", {"data": {"at": str(time.time())}})
        try:
            jobs.api.get(path, resourceVersion=first, resourceVersionMatch="Exact")
        except Gone:
            return True
        return False

    until(forgotten, within=PATIENCE)


def test_every_call_is_in_the_audit_log(plane: ControlPlane, jobs: Jobs) -> None:
    jobs.make("ConfigMap", "noted", {})
    path = f"{SPACES}/{jobs.namespace}/configmaps"
    until(lambda: path in plane.audit_log.read_text(), within=PATIENCE)


def test_calls_pass_the_proxy_and_are_noted(proxy: Proxy, by_proxy: Api) -> None:
    assert by_proxy.get(f"{SPACES}/default")["metadata"]["name"] == "default"
    assert proxy.calls == [Call("GET", f"{SPACES}/default")]


@pytest.mark.parametrize(("status", "reason"), [(429, "TooManyRequests"), (500, "InternalError")])
def test_the_proxy_answers_as_it_is_told(
    proxy: Proxy, by_proxy: Api, status: int, reason: str
) -> None:
    proxy.answer(status, retry_after=1)
    with pytest.raises(ApiError) as refused:
        by_proxy.get(f"{SPACES}/default")
    assert (refused.value.status, refused.value.reason) == (status, reason)
    proxy.calm()
    assert by_proxy.get(f"{SPACES}/default")


def test_nobody_connects_while_the_proxy_refuses(proxy: Proxy, by_proxy: Api) -> None:
    by_proxy.get(f"{SPACES}/default")
    proxy.refuse()
    with pytest.raises(ApiAway):
        by_proxy.get(f"{SPACES}/default")
    proxy.resume()
    assert by_proxy.get(f"{SPACES}/default")


def test_a_running_watch_is_reset(proxy: Proxy, by_proxy: Api) -> None:
    watch = by_proxy.watch(SPACES, timeoutSeconds="60")
    events = iter(watch)
    assert next(events)["type"] == "ADDED"
    proxy.reset_all()
    with pytest.raises(ApiAway):
        list(events)
    watch.close()


def test_an_answer_is_lost_after_its_effect(proxy: Proxy, by_proxy: Api, jobs: Jobs) -> None:
    proxy.fault(Fault("lost_answer", method="POST", times=1))
    with pytest.raises(ApiAway):
        by_proxy.post(f"{SPACES}/{jobs.namespace}/configmaps", CLAIM)
    with pytest.raises(ApiError) as refused:
        by_proxy.post(f"{SPACES}/{jobs.namespace}/configmaps", CLAIM)
    assert refused.value.reason == "AlreadyExists"


def test_nothing_comes_back_from_a_black_hole(proxy: Proxy, by_proxy: Api) -> None:
    proxy.blackhole()
    done = threading.Event()

    def ask() -> None:
        by_proxy.get(f"{SPACES}/default")
        done.set()

    caller = threading.Thread(target=ask)
    caller.start()
    assert not done.wait(0.3)
    proxy.calm()
    caller.join(PATIENCE)
    assert done.is_set()


def test_a_delayed_call_takes_longer(proxy: Proxy, by_proxy: Api) -> None:
    proxy.fault(Fault("delay", seconds=0.3, times=1))
    began = time.monotonic()
    by_proxy.get(f"{SPACES}/default")
    assert time.monotonic() - began >= 0.3
