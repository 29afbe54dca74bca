"""The levers of simulated nodes: each gives what a real cluster gives."""

import itertools
from fnmatch import fnmatch

import pytest

from simulator.kube.api import Json
from simulator.kube.nodes import Nodes
from simulator.kube.plans import NodePlan
from simulator.kube.pods import NoSuch
from simulator.kube.records import PodRecord
from tests.kube.jobs import PATIENCE, Jobs, script, state, waits_for
from tests.simulator.waiting import until

BUSY = "echo 'Running job: build'; echo up; while :; do sleep 0.05; done"
IDLE = "echo up; while :; do sleep 0.05; done"


def up(nodes: Nodes, jobs: Jobs, name: str, *, text: str = IDLE) -> PodRecord:
    jobs.start(name, script(text))
    jobs.phase(name, "Running")
    until(lambda: "up" in nodes.pod(name).log("main"), within=PATIENCE)
    return nodes.pod(name)


def over(nodes: Nodes, name: str) -> PodRecord:
    until(lambda: not nodes.pod(name).alive, within=PATIENCE)
    return nodes.pod(name)


def disruption(pod: Json) -> str:
    found = [one for one in pod["status"]["conditions"] if one["type"] == "DisruptionTarget"]
    return str(found[0]["reason"]) if found else ""


def test_an_image_may_not_be_pulled_for_a_while(nodes: Nodes, jobs: Jobs) -> None:
    nodes.fail_pull("example.com/*")
    jobs.start("pulling", script("true"))
    pod = jobs.pod("pulling", waits_for("ImagePullBackOff"))
    assert fnmatch(state(pod)["waiting"]["message"], "Back-off pulling image * not found")
    nodes.calm()
    jobs.phase("pulling", "Succeeded")


def test_a_container_may_not_be_configured(nodes: Nodes, jobs: Jobs) -> None:
    nodes.fail_config("wrong-*")
    jobs.start("wrong", script("true"))
    pod = jobs.pod("wrong", waits_for("CreateContainerConfigError"))
    assert state(pod)["waiting"]["message"] == 'secret "missing" not found'


def test_full_nodes_take_no_pods_until_there_is_room(nodes: Nodes, jobs: Jobs) -> None:
    nodes.fill()
    names = (f"much-{number}" for number in itertools.count())
    stuck: list[str] = []

    def refused() -> bool:
        """The scheduler may not have seen yet that the nodes are full."""
        name = next(names)
        jobs.start(name, script("true"))
        pod = jobs.pod(name, lambda pod: pod["status"].get("conditions"))
        stuck[:] = [name]
        return "Insufficient cpu" in pod["status"]["conditions"][0].get("message", "")

    until(refused, within=PATIENCE)
    nodes.calm()
    jobs.phase(stuck[0], "Succeeded")


def test_an_evicted_pod_says_why(nodes: Nodes, jobs: Jobs) -> None:
    up(nodes, jobs, "heavy")
    nodes.evict("heavy")
    pod = jobs.phase("heavy", "Failed")
    assert pod["status"]["reason"] == "Evicted"
    assert "low on resource" in pod["status"]["message"]
    assert disruption(pod) == "TerminationByKubelet"
    assert over(nodes, "heavy").cause == "Evicted"


def test_a_pod_that_runs_out_of_memory_is_killed(nodes: Nodes, jobs: Jobs) -> None:
    up(nodes, jobs, "greedy")
    nodes.oom_kill("greedy")
    pod = jobs.phase("greedy", "Failed")
    assert state(pod)["terminated"]["reason"] == "OOMKilled"
    assert state(pod)["terminated"]["exitCode"] == 137
    assert over(nodes, "greedy").cause == "OOMKilled"


@pytest.mark.parametrize(("name", "text", "busy"), [("busy", BUSY, True), ("idle", IDLE, False)])
def test_the_books_know_whether_a_job_ran_when_a_pod_was_ended(
    nodes: Nodes, jobs: Jobs, name: str, text: str, *, busy: bool
) -> None:
    up(nodes, jobs, name, text=text)
    nodes.evict(name)
    assert over(nodes, name).busy is busy


def test_a_preempted_pod_is_deleted(nodes: Nodes, jobs: Jobs) -> None:
    up(nodes, jobs, "cheap")
    nodes.preempt("cheap")
    assert over(nodes, "cheap").cause == "Deleted"
    until(lambda: not jobs.pods("cheap"), within=PATIENCE)


def test_a_drained_node_takes_no_more_pods(nodes: Nodes, jobs: Jobs) -> None:
    record = up(nodes, jobs, "moved")
    nodes.drain(record.node)
    assert over(nodes, "moved").cause == "Deleted"
    node = jobs.api.get(f"/api/v1/nodes/{record.node}")
    assert [taint["effect"] for taint in node["spec"]["taints"]] == ["NoSchedule"]


def test_a_lost_node_takes_its_pods_along_and_is_replaced(nodes: Nodes, jobs: Jobs) -> None:
    record, number = up(nodes, jobs, "lost"), len(nodes.names())
    nodes.lose_node(record.node)
    until(lambda: not jobs.pods("lost"), within=PATIENCE)
    assert over(nodes, "lost").cause == "NodeLost"
    assert jobs.condition("lost", "Failed")["reason"] == "BackoffLimitExceeded"
    assert record.node not in nodes.names()
    assert len(nodes.names()) == number


def test_pods_of_a_silent_node_stay_until_it_is_forgotten(nodes: Nodes, jobs: Jobs) -> None:
    record = up(nodes, jobs, "stranded")
    nodes.lose_node(record.node, silent=True)
    assert over(nodes, "stranded").cause == "NodeLost"
    assert jobs.pods("stranded")[0]["status"]["phase"] == "Running"
    nodes.forget_node(record.node)
    until(lambda: not jobs.pods("stranded"), within=PATIENCE)


def test_a_node_can_be_added(nodes: Nodes, jobs: Jobs) -> None:
    name = nodes.add_node(NodePlan("special", labels={"kind": "special"}))
    jobs.start("picky", script("true"), nodeSelector={"kind": "special"})
    assert jobs.phase("picky", "Succeeded")["spec"]["nodeName"] == name


def test_what_is_not_there_cannot_be_hit(nodes: Nodes) -> None:
    with pytest.raises(NoSuch, match="no pod 'nobody'"):
        nodes.evict("nobody")
    with pytest.raises(NoSuch, match="no node 'nowhere'"):
        nodes.lose_node("nowhere")
    with pytest.raises(AttributeError, match="no lever 'speed'"):
        nodes.pull(speed=1)
