"""How a runner's Job and pod are, as the core sees machines; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from runs_fleet.models import MachineStatus
from runs_fleet.providers.k8s import marks, trouble
from runs_fleet.providers.k8s.rest import Json

State = Literal["pending", "running", "stopping", "stopped", "gone"]


def status(job: Json | None, pods: Sequence[Json] = ()) -> MachineStatus | None:
    """Tell the state of a runner's machine, or None when nothing is left of it.

    A pod knows better than its Job why it ended, and may outlive it while it stops.
    """
    things = [*([job] if job else []), *pods]
    if not things:
        return None
    runner = things[0]["metadata"].get("labels", {}).get(marks.RUNNER, "")
    state = _state(job, pods)
    found = MachineStatus(machine_id=runner, state=state, runner=runner)
    return found.model_copy(update=_why(job, pods)) if state in ("stopping", "gone") else found


def _state(job: Json | None, pods: Sequence[Json]) -> State:
    phases = {each.get("status", {}).get("phase") for each in pods if not _is_going(each)}
    if phases & {"Running", "Unknown"}:
        return "running" if job and not _is_going(job) else "stopping"
    if any(_is_going(each) and not _has_ended(each) for each in pods):
        return "stopping"
    if pods and all(_has_ended(each) for each in pods):
        return "gone"
    return _by_job(job) if job else "stopping"


def _by_job(job: Json) -> State:
    """Judge a Job of whose pods nothing is known, or nothing is to be seen."""
    if has_ended(job):
        return "gone"
    if _is_going(job):
        return "stopping"
    return "running" if job.get("status", {}).get("ready") else "pending"


def remembered(runner: str, events: Sequence[Json]) -> MachineStatus | None:
    """Tell from its Events how a Job failed that is not there any more; None if it did not.

    They outlive it for an hour, as an instance does its termination in EC2.
    """
    failures = [each for each in events if each.get("reason") in trouble.FAILURES]
    if not failures:
        return None
    cause = trouble.cause_of(failures[-1]["reason"])
    taken = any(trouble.cause_of(each["reason"]) in trouble.TAKEN for each in failures)
    return MachineStatus(machine_id=runner, state="gone", runner=runner, cause=cause, taken=taken)


def has_ended(job: Json) -> bool:
    """Tell whether Kubernetes has done with a Job."""
    return bool(_conditions(job) & {"Complete", "Failed"})


def is_alive(job: Json) -> bool:
    """Tell whether a Job may still run its runner."""
    return not has_ended(job) and not _is_going(job) and "FailureTarget" not in _conditions(job)


def _why(job: Json | None, pods: Sequence[Json]) -> dict[str, object]:
    now = datetime.now(UTC)
    signs = [sign for pod in pods for sign in trouble.of_pod(pod, now)[:1]]
    signs += trouble.of_job(job, now) if job else []
    ends = [sign.event for sign in signs if sign.event.kind != "stalled" and not _by_us(sign)]
    return {"cause": ends[0].cause, "taken": ends[0].taken} if ends else {}


def _by_us(sign: trouble.Sign) -> bool:
    """Tell a pod that is only told to end: mostly because its Job was removed."""
    return sign.event.kind == "interruption" and sign.event.cause == trouble.DELETED


def _conditions(thing: Json) -> set[str]:
    conditions = thing.get("status", {}).get("conditions") or []
    return {each["type"] for each in conditions if each.get("status") == "True"}


def _is_going(thing: Json) -> bool:
    return "deletionTimestamp" in thing["metadata"]


def _has_ended(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
