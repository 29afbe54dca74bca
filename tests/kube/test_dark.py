"""Levers for pods of which nobody hears anything: mute agents, and nodes that are silent."""

from simulator.kube import machines
from simulator.kube.nodes import Nodes
from simulator.kube.plans import NodePlan
from tests.kube.jobs import PATIENCE, Jobs, script
from tests.simulator.waiting import until

AGENT = [{"name": "RUNS_FLEET_MODE", "value": "k8s"}]
IDLE = "while :; do sleep 0.05; done"


def test_a_mute_agent_runs_and_never_says_a_word(nodes: Nodes, jobs: Jobs) -> None:
    nodes.pull(mute=1)
    jobs.start("mute", script("true", env=AGENT))
    jobs.phase("mute", "Running")
    assert nodes.manners.mute == 0
    assert (nodes.pod("mute").agent_pid, nodes.pod("mute").log("main")) == (None, "")
    jobs.delete("mute")
    until(lambda: not nodes.pod("mute").alive, within=PATIENCE)


def test_nobody_starts_what_is_put_on_a_silent_node(nodes: Nodes, jobs: Jobs) -> None:
    node = nodes.add_node(NodePlan("dark", labels={"kind": "dark"}))
    assert nodes.lose_node(node, silent=True, replace=False) == []
    jobs.start("stranded", script("true"), nodeSelector={"kind": "dark"})
    jobs.pod("stranded", lambda pod: pod["spec"].get("nodeName") == node)
    until(lambda: "stranded" in {pod.job for pod in nodes.pods()}, within=PATIENCE)
    until(lambda: not nodes.pod("stranded").alive, within=PATIENCE)
    assert "running" not in nodes.pod("stranded").times
    assert nodes.pod("stranded").cause == "NodeLost"
    nodes.forget_node(node)
    until(lambda: not jobs.pods("stranded"), within=PATIENCE)


def test_whoever_takes_a_node_learns_which_pods_it_had(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("moved", script(IDLE))
    jobs.phase("moved", "Running")
    record = nodes.pod("moved")
    assert nodes.drain(record.node) == [record.name]
    until(lambda: "struck" in nodes.pod("moved").times, within=PATIENCE)
    until(lambda: nodes.drain(record.node) == [], within=PATIENCE)


def test_room_and_stalls_are_put_right_one_by_one(nodes: Nodes, jobs: Jobs) -> None:
    nodes.fail_pull("*")
    nodes.fill()
    nodes.empty()
    jobs.start("slow", script("true"))
    jobs.pod("slow", lambda pod: pod["spec"].get("nodeName"))
    nodes.resume()
    jobs.phase("slow", "Succeeded")


def test_a_node_that_was_given_up_says_that_it_is_well(nodes: Nodes, jobs: Jobs) -> None:
    nodes.pull(lease_every=0.1)
    path = f"/api/v1/nodes/{nodes.names()[0]}"
    jobs.api.patch(f"{path}/status", {"status": {"conditions": [machines.silent()]}})

    def is_well() -> bool:
        conditions = jobs.api.get(path)["status"]["conditions"]
        return "True" in {one["status"] for one in conditions if one["type"] == "Ready"}

    until(is_well, within=PATIENCE)
