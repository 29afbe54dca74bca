"""Pods, Jobs and Events as an API server gives them, as far as a watch reads them."""

from typing import Any

from runs_fleet import names

Object = dict[str, Any]
RUNNER = names.runner(7, 1)
FLEET = "default"
ASKED, UNTIL, ENDED = "2026-07-01T10:00:00Z", "2026-07-01T10:00:30Z", "2026-07-01T10:00:10Z"
DISRUPTED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}


def labels(runner: str = RUNNER, fleet: str = FLEET) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": "runs-fleet",
        "runs-fleet.io/runner": runner,
        "runs-fleet.io/fleet": fleet,
    }


def pod(phase: str = "Pending", *, runner: str = RUNNER, **status: Any) -> Object:
    metadata = {"name": f"{runner}-x7k2p", "uid": f"uid-{runner}", "labels": labels(runner)}
    return {"metadata": metadata, "status": {"phase": phase, **status}}


def deleted(some: Object, *, grace: int = 30) -> Object:
    """The pod, told to end at ASKED."""
    mark = {"deletionTimestamp": UNTIL, "deletionGracePeriodSeconds": grace}
    return {**some, "metadata": {**some["metadata"], **mark}}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def waiting(reason: str, message: str = "") -> list[Object]:
    return [{"name": "runner", "state": {"waiting": {"reason": reason, "message": message}}}]


def terminated(code: int, reason: str, message: str = "") -> list[Object]:
    end = {"exitCode": code, "reason": reason, "message": message, "finishedAt": ENDED}
    return [{"name": "runner", "state": {"terminated": end}}]


def job(*conditions: Object, runner: str = RUNNER) -> Object:
    metadata = {"name": runner, "uid": f"job-{runner}", "labels": labels(runner)}
    return {"metadata": metadata, "status": {"conditions": list(conditions)}}


def warning(reason: str, message: str, *, kind: str = "Job", at: str = ENDED) -> Object:
    name = RUNNER if kind == "Job" else f"{RUNNER}-x7k2p"
    return {
        "metadata": {"name": f"{name}.17"},
        "involvedObject": {"kind": kind, "name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }
