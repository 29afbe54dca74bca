"""What a pod, a Job or a warning says of its machine, in Kubernetes' own words; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runs_fleet import names
from runs_fleet.models import MachineEvent
from runs_fleet.providers.k8s import marks

Object = dict[str, Any]

COMPLETED, DELETED, NODE_LOST, NODE_NOT_READY = "Completed", "Deleted", "NodeLost", "NodeNotReady"
DEADLINE_EXCEEDED, OOM_KILLED = "DeadlineExceeded", "OOMKilled"
DISRUPTION = "DisruptionTarget"
# What a Job calls a pod that was disrupted: its policy knows no other failure.
BY_POLICY = "PodFailurePolicy"
FAILURES = frozenset({BY_POLICY, "BackoffLimitExceeded", DEADLINE_EXCEEDED})
# Causes for which the job is not to blame. Besides them, whatever Kubernetes calls a disruption.
# https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
TAKEN = frozenset(
    {
        "DeletionByPodGC",
        "DeletionByTaintManager",
        DISRUPTION,
        "EvictionByEvictionAPI",
        "PreemptionByScheduler",
        "TerminationByKubelet",
        DELETED,
        "Evicted",
        NODE_LOST,
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
    }
)
# What is known of some ends is only when they were noticed, or when their object was removed.
LATE = frozenset({"DeletionByPodGC", "DeletionByTaintManager", DISRUPTION, DELETED, NODE_LOST})
# The kubelet evicts a pod also because it used more disk than it may.
OWN_DOING = re.compile(r"exceed(s|ed) ")
# The cause is the kubelet's, the wait ours: how many seconds it must last to be worth telling.
STALLS: dict[str, float] = {
    "Unschedulable": 10.0,
    "SchedulingGated": 30.0,
    "ImagePullBackOff": 5.0,
    "InvalidImageName": 0.0,
    "ErrImageNeverPull": 0.0,
    "ImageInspectError": 5.0,
    "RegistryUnavailable": 5.0,
    "SignatureValidationFailed": 0.0,
    "CreateContainerConfigError": 5.0,
    "CreateContainerError": 5.0,
    "RunContainerError": 5.0,
    "CrashLoopBackOff": 5.0,
    NODE_NOT_READY: 10.0,
}
# The kubelet goes back and forth between the two.
ALIASES = {"ErrImagePull": "ImagePullBackOff"}
WARNINGS: dict[str, float] = {
    "FailedCreate": 5.0,
    "FailedMount": 30.0,
    "FailedAttachVolume": 60.0,
    "FailedCreatePodSandBox": 30.0,
}
# Kubernetes keeps an event for an hour; one that is not repeated for so long is history.
STALE = timedelta(minutes=5)
ROUTINE_LASTS, DELETED_LASTS, OVERDUE, JOB_LASTS = 15.0, 5.0, 60.0, 10.0
MOST_DETAIL = 500


@dataclass(frozen=True)
class Sign:
    """What is to be told once it has lasted so many seconds; `routine` is no trouble at all."""

    event: MachineEvent
    lasting: float = 0.0
    routine: bool = False

    @property
    def key(self) -> str:
        """Tell it from other signs of the same machine."""
        return f"{self.event.kind} {self.event.cause}"


def runner_of(thing: Object) -> str:
    """Name the runner that a pod or a Job is for, or "" when it is none of ours."""
    runner = str(thing["metadata"].get("labels", {}).get(marks.RUNNER, ""))
    return runner if names.owner(runner) else ""


def of_pod(pod: Object, now: datetime) -> list[Sign]:
    """Read a pod; an empty list when it gets on."""
    status = pod.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return [_ended(pod, now)]
    if (deletion := _deletion(pod)) is not None:
        return _going(pod, *deletion)
    if status.get("phase") == "Unknown" or status.get("reason") == NODE_LOST:
        event = _event(pod, "gone", NODE_LOST, at=now, detail=status.get("message", ""))
        return [Sign(event, lasting=OVERDUE)]
    return [
        Sign(_event(pod, "stalled", cause, at=now, detail=detail), lasting=STALLS[cause])
        for cause, detail in _stalls(status)
    ][:1]


def vanished(pod: Object, now: datetime) -> Sign:
    """Read the last that was seen of a pod that is not there any more."""
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return _ended(pod, now)
    disruption = _disruption(pod)
    cause = disruption.get("reason") or DELETED
    at = _begun(pod, now)
    return _settling(_event(pod, "gone", cause, at=at, detail=disruption.get("message", "")))


def of_job(job: Object, now: datetime) -> list[Sign]:
    """Read a Job that has failed; why, its pod mostly knows better.

    A deadline is only told of by the Job, even before its pod has come to an end.
    """
    conditions = _conditions(job)
    failed = conditions.get("Failed") or conditions.get("FailureTarget")
    if failed is None:
        return []
    cause, detail = cause_of(failed.get("reason") or "Failed"), failed.get("message", "")
    event = _event(job, "gone", cause, at=_moment(failed.get("lastTransitionTime"), now))
    lasting = 0.0 if cause == DEADLINE_EXCEEDED else JOB_LASTS
    return [Sign(_detailed(event, detail), lasting=lasting)]


def cause_of(reason: str) -> str:
    """Name the cause of a Job's failure by its condition's reason."""
    return DISRUPTION if reason == BY_POLICY else reason


def of_warning(warning: Object, now: datetime) -> Sign | None:
    """Read an Event about a Job that cannot make its pod, or a pod that cannot get its volumes."""
    cause, about = warning.get("reason", ""), warning.get("involvedObject", {})
    at = _moment(warning.get("lastTimestamp") or warning.get("eventTime"), now)
    runner = str(about.get("name", ""))
    if about.get("kind") == "Pod":
        # A pod's name is its Job's, and five characters that the Job controller has made up.
        runner = runner.rpartition("-")[0]
    text = str(warning.get("message", ""))
    if cause not in WARNINGS or not names.owner(runner) or at < now - STALE:
        return None
    if re.search(rf'(secret|configmap) "{re.escape(runner)}" not found', text):
        # The pod waits for its config, as it should: we owe it.
        return None
    event = MachineEvent(
        machine_id=runner, runner=runner, kind="stalled", cause=cause, taken=False, at=at
    )
    return Sign(_detailed(event, text), lasting=WARNINGS[cause])


def _ended(pod: Object, now: datetime) -> Sign:
    """Say why a pod has ended: its own reason, a disruption, or how its containers ended."""
    status, disruption = pod["status"], _disruption(pod)
    last, at = _decisive(status), _finished(pod, now)
    deletion = _deletion(pod)
    cause = str(
        status.get("reason")
        or disruption.get("reason")
        or (OOM_KILLED if last.get("reason") == OOM_KILLED else "")
        or (DELETED if deletion is not None and deletion[0] < at else "")
        or (COMPLETED if status["phase"] == "Succeeded" else last.get("reason") or "Failed")
    )
    detail = str(status.get("message") or disruption.get("message") or _exit(last))
    taken = bool(disruption) or (cause in TAKEN and not OWN_DOING.search(detail))
    event = _event(pod, "gone", cause, at=_begun(pod, at), detail=detail)
    return _settling(event.model_copy(update={"taken": taken}))


def _settling(event: MachineEvent) -> Sign:
    """Wait with ends that we mostly bring about ourselves, by removing the Job."""
    lasting = {COMPLETED: ROUTINE_LASTS, DELETED: DELETED_LASTS}.get(event.cause, 0.0)
    return Sign(event, lasting=lasting, routine=event.cause in (COMPLETED, DELETED))


def _going(pod: Object, requested: datetime, until: datetime) -> list[Sign]:
    """Say that a pod is told to end; on a node that is lost nobody hears it."""
    disruption = _disruption(pod)
    cause, detail = disruption.get("reason") or DELETED, disruption.get("message", "")
    notice = _event(pod, "interruption", cause, at=requested, detail=detail)
    words = "the node does not say that the pod has ended"
    lost = _event(pod, "gone", NODE_LOST, at=until, detail=words)
    overdue = (until - requested).total_seconds() + OVERDUE
    return [_settling(notice), Sign(lost, lasting=overdue)]


def _stalls(status: Object) -> Iterable[tuple[str, str]]:
    """Find what keeps a pod from running, the nearest to its start first."""
    for container in _containers(status):
        waiting = container.get("state", {}).get("waiting", {})
        cause = waiting.get("reason", "")
        if (cause := ALIASES.get(cause, cause)) in STALLS:
            yield cause, waiting.get("message", "")
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") in STALLS:
        yield scheduled["reason"], scheduled.get("message", "")
    ready = conditions.get("Ready", {})
    # The kubelet gives a reason; the controller that misses the node's heartbeats gives none.
    if status.get("phase") == "Running" and ready.get("status") == "False":
        if not ready.get("reason"):
            yield NODE_NOT_READY, "the node of the pod does not answer"


def _containers(status: Object) -> list[Object]:
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _decisive(status: Object) -> Object:
    """Find the container whose end decided the pod's: killed for memory, else failed."""
    ends = [each.get("state", {}).get("terminated") for each in _containers(status)]
    bad = [end for end in ends if end and end.get("exitCode", 0) != 0]
    killed = [end for end in bad if end.get("reason") == OOM_KILLED]
    return dict((killed or bad or [{}])[0])


def _exit(terminated: Object) -> str:
    if not terminated:
        return ""
    said = terminated.get("message", "")
    return f"exit code {terminated['exitCode']}" + (f": {said}" if said else "")


def _finished(pod: Object, now: datetime) -> datetime:
    ends = [each.get("state", {}).get("terminated") for each in _containers(pod["status"])]
    moments = [_moment(end.get("finishedAt"), now) for end in ends if end]
    return max(moments, default=now)


def _begun(pod: Object, ended: datetime) -> datetime:
    """Tell when a disruption began: a job that it stops may be over before its pod is."""
    disruption = _disruption(pod)
    if not disruption:
        return ended
    deletion = _deletion(pod)
    began = _moment(disruption.get("lastTransitionTime"), ended)
    return min(ended, began, deletion[0] if deletion else ended)


def _deletion(pod: Object) -> tuple[datetime, datetime] | None:
    """Tell when a pod's deletion was asked for, and by when it should have ended."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return None
    until = datetime.fromisoformat(metadata["deletionTimestamp"])
    return until - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0), until


def _disruption(pod: Object) -> Object:
    return _conditions(pod).get(DISRUPTION, {})


def _conditions(thing: Object) -> dict[str, Object]:
    conditions = thing.get("status", {}).get("conditions", [])
    return {each["type"]: each for each in conditions if each.get("status") == "True"}


def _moment(text: str | None, default: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else default


def _event(thing: Object, kind: Any, cause: str, *, at: datetime, detail: str = "") -> MachineEvent:
    runner = runner_of(thing)
    event = MachineEvent(
        machine_id=runner,
        runner=runner,
        kind=kind,
        cause=cause,
        taken=cause in TAKEN,
        at=at,
        noticed=kind == "gone" and cause in LATE,
    )
    return _detailed(event, detail)


def _detailed(event: MachineEvent, detail: str) -> MachineEvent:
    return event.model_copy(update={"detail": detail[:MOST_DETAIL]})
