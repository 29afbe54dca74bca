"""How a Job and its pods look to the core."""

from typing import Any

import pytest

from runs_fleet.providers.k8s import states
from tests.k8s.objects import DISRUPTED, RUNNER, condition, deleted, job, pod, terminated

RUNNING, ENDED = pod("Running"), pod("Succeeded")
KILLED = pod("Failed", containerStatuses=terminated(137, "OOMKilled"))
MOVED = pod("Failed", conditions=[DISRUPTED])
DRAINED = pod("Running", conditions=[DISRUPTED])
EVICTED = pod("Failed", reason="Evicted", message="node low on memory")
TRIED = job(condition("Failed", "True", "BackoffLimitExceeded"))
ROBBED = job(condition("Failed", "True", "PodFailurePolicy", "has condition DisruptionTarget"))
GOING = deleted(job())
FAILED = condition("Failed", "True", "DeadlineExceeded", "too long")


@pytest.mark.parametrize(
    ("some_job", "pods", "state"),
    [
        (job(), [], "pending"),
        (job(), [pod("Pending")], "pending"),
        ({**job(), "status": {"ready": 1}}, [], "running"),
        (job(), [RUNNING], "running"),
        (GOING, [], "stopping"),
        (GOING, [RUNNING], "stopping"),
        (job(), [deleted(RUNNING)], "stopping"),
        (None, [RUNNING], "stopping"),
        (None, [pod("Pending")], "stopping"),
        (job(), [ENDED], "gone"),
        (None, [ENDED], "gone"),
        (None, [deleted(ENDED)], "gone"),
        (job(condition("Complete", "True")), [], "gone"),
        (job(condition("Failed", "False")), [], "pending"),
        (job(FAILED), [], "gone"),
        (job(FAILED), [deleted(RUNNING)], "stopping"),
    ],
)
def test_a_machine_is_what_its_job_and_pod_are(some_job: Any, pods: list[Any], state: str) -> None:
    status = states.status(some_job, pods)
    assert status is not None
    assert (status.machine_id, status.runner, status.state) == (RUNNER, RUNNER, state)


def test_of_nothing_nothing_is_known() -> None:
    assert states.status(None) is None


@pytest.mark.parametrize(
    ("some_job", "pods", "cause", "taken"),
    [
        (job(), [ENDED], "Completed", False),
        (job(), [KILLED], "OOMKilled", False),
        (job(), [MOVED], "EvictionByEvictionAPI", True),
        (job(), [EVICTED], "Evicted", True),
        (job(FAILED), [], "DeadlineExceeded", False),
        (TRIED, [MOVED], "EvictionByEvictionAPI", True),
        (TRIED, [], "BackoffLimitExceeded", False),
        (ROBBED, [], "DisruptionTarget", True),
        (ROBBED, [MOVED], "EvictionByEvictionAPI", True),
        (job(), [RUNNING], "", False),
        (job(), [deleted(RUNNING)], "", False),
        (job(), [deleted(DRAINED)], "EvictionByEvictionAPI", True),
    ],
)
def test_an_end_has_a_cause(some_job: Any, pods: list[Any], cause: str, taken: bool) -> None:
    status = states.status(some_job, pods)
    assert status is not None
    assert (status.cause, status.taken) == (cause, taken)
