"""Kubernetes' own words for what becomes of a pod, read into events of a machine."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runs_fleet.providers.k8s import trouble
from tests.k8s.objects import (
    ASKED,
    DISRUPTED,
    ENDED,
    RUNNER,
    UNTIL,
    Object,
    condition,
    deleted,
    job,
    pod,
    terminated,
    waiting,
    warning,
)

NOW = datetime(2026, 7, 1, 10, 1, tzinfo=UTC)
NO_NODE = "0/3 nodes are available: 3 Insufficient cpu."
NODE_LOW = "The node was low on resource: memory."
OWN_LIMIT = 'Container runner exceeded its local ephemeral storage limit "10Gi".'


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "healthy",
    [
        pod(),
        pod(containerStatuses=waiting("ContainerCreating")),
        pod("Running", conditions=[condition("Ready", "True")]),
        pod("Running", conditions=[condition("Ready", "False", "ContainersNotReady")]),
        pod("Pending", conditions=[condition("PodScheduled", "True")]),
    ],
    ids=["new", "creating", "running", "not ready yet", "scheduled"],
)
def test_a_pod_that_gets_on_says_nothing(healthy: Object) -> None:
    assert trouble.of_pod(healthy, NOW) == []


@pytest.mark.parametrize(
    ("stuck", "cause", "detail"),
    [
        (
            pod(conditions=[condition("PodScheduled", "False", "Unschedulable", NO_NODE)]),
            "Unschedulable",
            NO_NODE,
        ),
        (
            pod(containerStatuses=waiting("ImagePullBackOff", "Back-off pulling image")),
            "ImagePullBackOff",
            "Back-off pulling image",
        ),
        (
            pod(containerStatuses=waiting("ErrImagePull", "not found")),
            "ImagePullBackOff",
            "not found",
        ),
        (pod(containerStatuses=waiting("InvalidImageName")), "InvalidImageName", ""),
        (pod(containerStatuses=waiting("ErrImageNeverPull")), "ErrImageNeverPull", ""),
        (
            pod(containerStatuses=waiting("CreateContainerConfigError", "no such key")),
            "CreateContainerConfigError",
            "no such key",
        ),
        (pod(containerStatuses=waiting("CreateContainerError")), "CreateContainerError", ""),
        (pod(initContainerStatuses=waiting("CrashLoopBackOff")), "CrashLoopBackOff", ""),
        (
            pod("Running", conditions=[condition("Ready", "False")]),
            "NodeNotReady",
            "the node of the pod does not answer",
        ),
    ],
)
def test_a_pod_that_does_not_get_on_is_stalled(stuck: Object, cause: str, detail: str) -> None:
    (sign,) = trouble.of_pod(stuck, NOW)
    assert (sign.event.kind, sign.event.cause, sign.event.detail) == ("stalled", cause, detail)
    assert (sign.event.machine_id, sign.event.runner) == (RUNNER, RUNNER)
    assert not sign.routine


@pytest.mark.parametrize(
    ("ended", "cause", "taken"),
    [
        (pod("Failed", reason="Evicted", message=NODE_LOW), "Evicted", True),
        (pod("Failed", reason="Evicted", message=OWN_LIMIT), "Evicted", False),
        (pod("Failed", containerStatuses=terminated(137, "OOMKilled")), "OOMKilled", False),
        (pod("Failed", containerStatuses=terminated(3, "Error")), "Error", False),
        (
            pod(
                "Failed",
                initContainerStatuses=terminated(1, "Error"),
                containerStatuses=terminated(137, "OOMKilled"),
            ),
            "OOMKilled",
            False,
        ),
        (pod("Failed", reason="DeadlineExceeded"), "DeadlineExceeded", False),
        (
            pod("Failed", conditions=[DISRUPTED], containerStatuses=terminated(137, "Error")),
            "EvictionByEvictionAPI",
            True,
        ),
        (
            pod("Failed", reason="Terminated", conditions=[DISRUPTED]),
            "Terminated",
            True,
        ),
        (pod("Failed", reason="OutOfcpu"), "OutOfcpu", False),
        (pod("Failed"), "Failed", False),
    ],
)
def test_the_end_of_a_pod_has_a_named_cause(ended: Object, cause: str, taken: bool) -> None:
    (sign,) = trouble.of_pod(ended, NOW)
    assert (sign.event.kind, sign.event.cause, sign.event.taken) == ("gone", cause, taken)
    assert (sign.lasting, sign.routine) == (0, False)


def test_the_exit_code_and_the_last_words_are_told() -> None:
    failed = pod("Failed", containerStatuses=terminated(3, "Error", "no runner in /home/runner"))
    (sign,) = trouble.of_pod(failed, NOW)
    assert sign.event.detail == "exit code 3: no runner in /home/runner"
    assert sign.event.at == moment(ENDED)


def test_a_long_message_is_cut() -> None:
    (sign,) = trouble.of_pod(pod("Failed", reason="Evicted", message="x" * 9999), NOW)
    assert len(sign.event.detail) == trouble.MOST_DETAIL


def test_a_pod_that_ran_to_its_end_is_routine() -> None:
    (sign,) = trouble.of_pod(pod("Succeeded", containerStatuses=terminated(0, "Completed")), NOW)
    assert (sign.event.kind, sign.event.cause, sign.routine) == ("gone", "Completed", True)
    assert not sign.event.taken


def test_a_pod_deleted_after_its_end_has_still_run_to_its_end() -> None:
    ended = pod("Succeeded", containerStatuses=terminated(0, "Completed"))
    (sign,) = trouble.of_pod(deleted(ended, grace=0), NOW)
    assert sign.event.cause == "Completed"


@pytest.mark.parametrize("how", [{"phase": "Succeeded"}, {"phase": "Failed"}])
def test_a_pod_that_was_told_to_end_was_deleted(how: dict[str, Any]) -> None:
    some = pod(**how, containerStatuses=terminated(how["phase"] == "Failed", "Error"))
    (sign,) = trouble.of_pod(deleted(some), NOW)
    assert (sign.event.cause, sign.routine) == ("Deleted", True)


def test_a_running_pod_that_is_evicted_gets_a_notice_and_a_deadline() -> None:
    notice, lost = trouble.of_pod(deleted(pod("Running", conditions=[DISRUPTED])), NOW)
    assert (notice.event.kind, notice.event.cause) == ("interruption", "EvictionByEvictionAPI")
    assert (notice.event.detail, notice.lasting) == ("Eviction API: evicting", 0)
    assert (notice.event.at, lost.event.at) == (moment(ASKED), moment(UNTIL))
    assert (lost.event.kind, lost.event.cause, lost.event.taken) == ("gone", "NodeLost", True)
    assert lost.lasting == 30 + trouble.OVERDUE


def test_a_running_pod_that_is_deleted_is_mostly_our_own_doing() -> None:
    notice = trouble.of_pod(deleted(pod("Running")), NOW)[0]
    assert (notice.event.cause, notice.routine) == ("Deleted", True)
    assert notice.lasting == trouble.DELETED_LASTS


@pytest.mark.parametrize("gone", [pod("Unknown"), pod("Running", reason="NodeLost")])
def test_a_pod_of_a_lost_node_is_gone_when_it_lasts(gone: Object) -> None:
    (sign,) = trouble.of_pod(gone, NOW)
    assert (sign.event.kind, sign.event.cause) == ("gone", "NodeLost")
    assert sign.lasting == trouble.OVERDUE


@pytest.mark.parametrize(
    ("last", "cause", "routine"),
    [
        (pod("Running"), "Deleted", True),
        (pod("Running", conditions=[DISRUPTED]), "EvictionByEvictionAPI", False),
        (pod("Failed", reason="Evicted"), "Evicted", False),
    ],
)
def test_a_pod_that_vanished_ended_as_it_was_last_seen(
    last: Object, cause: str, routine: bool
) -> None:
    sign = trouble.vanished(last, NOW)
    assert (sign.event.kind, sign.event.cause, sign.routine) == ("gone", cause, routine)


@pytest.mark.parametrize("last", [pod("Running"), pod("Failed", reason="Evicted")])
def test_a_disruption_begins_when_it_is_announced(last: Object) -> None:
    announced = {**DISRUPTED, "lastTransitionTime": ASKED}
    disrupted = {**last, "status": {**last["status"], "conditions": [announced]}}
    assert trouble.vanished(disrupted, NOW).event.at == moment(ASKED)
    assert trouble.vanished(deleted(disrupted), NOW).event.at == moment(ASKED)
    assert trouble.vanished(last, NOW).event.at == NOW


def test_a_deadline_is_told_by_the_job_at_once() -> None:
    late = condition("FailureTarget", "True", "DeadlineExceeded", "was active longer than")
    (sign,) = trouble.of_job(job(late), NOW)
    assert (sign.event.kind, sign.event.cause, sign.lasting) == ("gone", "DeadlineExceeded", 0)
    assert not sign.event.taken


def test_a_failed_job_waits_for_what_its_pod_says() -> None:
    (sign,) = trouble.of_job(job(condition("Failed", "True", "BackoffLimitExceeded")), NOW)
    assert (sign.event.cause, sign.lasting) == ("BackoffLimitExceeded", trouble.JOB_LASTS)


@pytest.mark.parametrize("fine", [job(), job(condition("Complete", "True"))])
def test_a_job_that_has_not_failed_says_nothing(fine: Object) -> None:
    assert trouble.of_job(fine, NOW) == []


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        (warning("FailedCreate", 'pods "x" is forbidden: exceeded quota'), "FailedCreate"),
        (warning("FailedMount", 'secret "other" not found', kind="Pod"), "FailedMount"),
        (warning("FailedCreatePodSandBox", "cni", kind="Pod"), "FailedCreatePodSandBox"),
    ],
)
def test_a_warning_names_what_a_pod_or_job_cannot_say(told: Object, cause: str) -> None:
    sign = trouble.of_warning(told, NOW)
    assert sign is not None
    assert (sign.event.kind, sign.event.cause) == ("stalled", cause)
    assert sign.event.runner == RUNNER
    assert sign.event.detail == told["message"]


@pytest.mark.parametrize(
    "told",
    [
        warning("FailedScheduling", "no node"),
        warning("FailedMount", f'secret "{RUNNER}" not found', kind="Pod"),
        warning("FailedCreate", "quota", at="2026-07-01T09:00:00Z"),
        {"metadata": {}, "involvedObject": {"kind": "Job", "name": "backup"}, "reason": "x"},
    ],
    ids=["told by the pod", "our own config is late", "long ago", "not ours"],
)
def test_other_warnings_say_nothing(told: Object) -> None:
    assert trouble.of_warning(told, NOW) is None


@pytest.mark.parametrize(
    "runner", ["somebody-elses", "", "runs-fleet-7"], ids=["foreign", "none", "half a name"]
)
def test_what_is_not_ours_has_no_runner(runner: str) -> None:
    assert trouble.runner_of(pod(runner=runner)) == ""
