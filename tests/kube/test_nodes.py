"""Simulated nodes: pods run as processes, with their mounts, and end as on a real node."""

from pathlib import Path
from typing import Any

from simulator.kube.api import Json
from simulator.kube.cluster import Cluster
from simulator.kube.nodes import Nodes
from simulator.kube.records import PodRecord
from tests.kube.cluster import running_nodes
from tests.kube.jobs import PATIENCE, Jobs, script, state, waits_for
from tests.simulator.waiting import until

MOUNTS = [
    {"name": "config", "mountPath": "/etc/app/config"},
    {"name": "secrets", "mountPath": "/etc/app/secrets", "readOnly": True},
]
DIRECTORIES = [
    {"name": "CONFIG_DIR", "value": "/etc/app/config"},
    {"name": "SECRETS_DIR", "value": "/etc/app/secrets"},
]
FOR_EVER = 'trap "echo told; exit 3" TERM; echo up; while :; do sleep 0.05; done'
DEAF = 'trap "" TERM; echo up; while :; do sleep 0.05; done'


def volumes(name: str) -> list[Json]:
    """A ConfigMap and a Secret of this name."""
    config = {"name": "config", "configMap": {"name": name}}
    return [config, {"name": "secrets", "secret": {"secretName": name}}]


def ended(nodes: Nodes, name: str) -> PodRecord:
    until(
        lambda: [one for one in nodes.pods() if one.job == name and not one.alive], within=PATIENCE
    )
    return nodes.pod(name)


def up(nodes: Nodes, jobs: Jobs, name: str) -> PodRecord:
    jobs.phase(name, "Running")
    until(lambda: "up" in nodes.pod(name).log("main"), within=PATIENCE)
    return nodes.pod(name)


def test_a_job_runs_its_command_to_the_end(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("good", script("echo hello from $NAME", env=[{"name": "NAME", "value": "within"}]))
    jobs.condition("good", "Complete")
    pod = jobs.phase("good", "Succeeded")
    assert state(pod)["terminated"]["reason"] == "Completed"
    record = ended(nodes, "good")
    assert (record.cause, record.exit_code) == ("Completed", 0)
    assert list(record.times)[:4] == ["bound", "mounted", "running", "ended"]
    assert record.log("main") == "hello from within\n"


def test_a_command_that_fails_fails_its_job(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("bad", script("exit 7"))
    jobs.condition("bad", "Failed")
    pod = jobs.phase("bad", "Failed")
    assert state(pod)["terminated"]["exitCode"] == 7
    assert ended(nodes, "bad").cause == "Error"


def test_a_pod_waits_for_its_secret(nodes: Nodes, jobs: Jobs) -> None:
    jobs.make("ConfigMap", "app", {"repo": "acme/web"})
    text = 'cat "$CONFIG_DIR/repo" "$SECRETS_DIR/key"'
    main = script(text, volumeMounts=MOUNTS, env=DIRECTORIES)
    jobs.start("late", main, volumes=volumes("app"))
    jobs.pod("late", waits_for("ContainerCreating"))
    assert "mounted" not in nodes.pod("late").times
    jobs.make("Secret", "app", {"key": "-and-a-secret"})
    assert ended(nodes, "late").log("main") == "acme/web-and-a-secret"


def test_a_mount_that_goes_on_failing_is_told_in_an_event(nodes: Nodes, jobs: Jobs) -> None:
    nodes.pull(mount_retry=0.05, mount_retry_most=0.05, mount_event_after=0.1)
    jobs.start("never", script("true", volumeMounts=MOUNTS), volumes=volumes("nothing"))
    events = f"/api/v1/namespaces/{jobs.namespace}/events"
    expected = 'MountVolume.SetUp failed for volume "config" : configmap "nothing" not found'

    def told() -> bool:
        found = jobs.api.get(events, fieldSelector="reason=FailedMount")["items"]
        return expected in [event["message"] for event in found]

    until(told, within=PATIENCE)


def test_a_missing_key_of_the_environment_is_a_config_error(nodes: Nodes, jobs: Jobs) -> None:
    reference = {"secretKeyRef": {"name": "unset", "key": "x"}}
    jobs.start("unset", script("echo $X", env=[{"name": "X", "valueFrom": reference}]))
    pod = jobs.pod("unset", waits_for("CreateContainerConfigError"))
    assert state(pod)["waiting"]["message"] == 'secret "unset" not found'
    jobs.make("Secret", "unset", {"x": "here"})
    assert ended(nodes, "unset").log("main") == "here\n"


def test_a_pod_learns_its_own_name(nodes: Nodes, jobs: Jobs) -> None:
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    main = script("echo $(POD) $POD", env=[{"name": "POD", "valueFrom": source}])
    jobs.start("named", main)
    record = ended(nodes, "named")
    assert record.log("main") == f"{record.name} {record.name}\n"


def test_a_deleted_pod_is_told_and_may_end_within_its_grace(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("told", script(FOR_EVER))
    up(nodes, jobs, "told")
    jobs.delete("told")
    record = ended(nodes, "told")
    assert (record.cause, record.exit_code) == ("Deleted", 3)
    assert "told" in record.log("main")
    until(lambda: not jobs.pods("told"), within=PATIENCE)


def test_a_deleted_pod_that_does_not_listen_is_killed(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("deaf", script(DEAF), terminationGracePeriodSeconds=1)
    up(nodes, jobs, "deaf")
    jobs.delete("deaf")
    record = ended(nodes, "deaf")
    assert (record.cause, record.exit_code) == ("Deleted", 137)
    until(lambda: not jobs.pods("deaf"), within=PATIENCE)


def test_a_pod_that_is_deleted_by_force_leaves_no_process(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("forced", script(DEAF))
    record = up(nodes, jobs, "forced")
    path = f"/api/v1/namespaces/{jobs.namespace}/pods/{record.name}"
    jobs.api.delete(path, gracePeriodSeconds="0")
    assert ended(nodes, "forced").exit_code == 137
    assert not Path(f"/proc/{record.agent_pid}").exists()


def test_a_pod_deleted_before_it_starts_never_starts(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("early", script("echo up", volumeMounts=MOUNTS), volumes=volumes("none"))
    jobs.pod("early", waits_for("ContainerCreating"))
    jobs.delete("early")
    until(lambda: not jobs.pods("early"), within=PATIENCE)
    assert ended(nodes, "early").log("main") == ""


def test_a_pod_that_lives_too_long_is_ended(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("long", script(FOR_EVER), activeDeadlineSeconds=1)
    pod = jobs.phase("long", "Failed")
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert ended(nodes, "long").cause == "DeadlineExceeded"


def test_a_sidecar_ends_with_the_main_container(nodes: Nodes, jobs: Jobs) -> None:
    shared: dict[str, Any] = {
        "env": [{"name": "UP", "value": "/shared/up"}],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    text = FOR_EVER.replace("echo up", "touch $UP")
    beside = script(text, name="beside", restartPolicy="Always", **shared)
    dind = {**beside, "name": "dind", "image": "docker:dind", "command": ["dockerd"]}
    main = script("until [ -e $UP ]; do sleep 0.05; done", **shared)
    folder = [{"name": "shared", "emptyDir": {}}]
    jobs.start("pair", main, initContainers=[beside, dind], volumes=folder)
    pod = jobs.phase("pair", "Succeeded")
    codes = [
        one["state"]["terminated"]["exitCode"] for one in pod["status"]["initContainerStatuses"]
    ]
    assert codes == [3, 0]
    assert "told" in ended(nodes, "pair").log("beside")


def test_init_containers_come_first_and_may_fail_the_pod(nodes: Nodes, jobs: Jobs) -> None:
    first, second = script("exit 0", name="first"), script("exit 4", name="second")
    jobs.start("init", script("echo up"), initContainers=[first, second])
    pod = jobs.phase("init", "Failed")
    statuses = pod["status"]["initContainerStatuses"]
    assert [one["state"]["terminated"]["exitCode"] for one in statuses] == [0, 4]
    assert ended(nodes, "init").log("main") == ""


def test_pods_go_where_their_architecture_is(nodes: Nodes, jobs: Jobs) -> None:
    jobs.start("arm", script("true"), nodeSelector={"kubernetes.io/arch": "arm64"})
    assert ended(nodes, "arm").node.startswith("arm64")


def test_nodes_run_no_pods_of_another_namespace(
    nodes: Nodes, control_plane: Cluster, privileged_namespace: str
) -> None:
    others = Jobs(control_plane.api, privileged_namespace)
    others.start("stranger", script("true"))
    pod = others.pod("stranger", lambda pod: pod["status"].get("conditions"))
    assert pod["status"]["conditions"][0]["reason"] == "Unschedulable"
    assert "stranger" not in [one.job for one in nodes.pods()]


def test_the_end_of_the_nodes_is_the_end_of_their_processes(
    control_plane: Cluster, namespace: str, tmp_path: Path
) -> None:
    jobs = Jobs(control_plane.api, namespace)
    with running_nodes(control_plane, namespace, tmp_path) as nodes:
        jobs.start("left", script(DEAF))
        record = up(nodes, jobs, "left")
        assert Path(f"/proc/{record.agent_pid}").exists()
    assert not Path(f"/proc/{record.agent_pid}").exists()
    assert nodes.pod("left").name == record.name


def test_pods_find_what_others_left_in_their_claim(nodes: Nodes, jobs: Jobs) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "cache"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    jobs.api.post(f"/api/v1/namespaces/{jobs.namespace}/persistentvolumeclaims", claim)
    mounted: dict[str, Any] = {
        "env": [{"name": "CACHE", "value": "/cache/file"}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
    }
    cache = [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}]
    jobs.start("writer", script("echo kept > $CACHE", **mounted), volumes=cache)
    jobs.phase("writer", "Succeeded")
    jobs.start("reader", script("cat $CACHE", **mounted), volumes=cache)
    assert ended(nodes, "reader").log("main") == "kept\n"
