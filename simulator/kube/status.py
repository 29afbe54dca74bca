"""A pod's status as a kubelet writes it: pure, from the states of its containers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulator.kube.api import Json

KILLED = 137


def now() -> str:
    """Spell this moment as Kubernetes does."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> Json:
    """A container that has not started."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running() -> Json:
    """A container that has started."""
    return {"running": {"startedAt": now()}}


def terminated(code: int, *, reason: str = "", since: str = "", message: str = "") -> Json:
    """A container that is over."""
    said = {
        "exitCode": code,
        "reason": reason or ("Completed" if code == 0 else "Error"),
        "startedAt": since or None,
        "finishedAt": now(),
        "message": message,
    }
    return {"terminated": {name: value for name, value in said.items() if value not in ("", None)}}


@dataclass
class Container:
    """One container of a pod, and the state it is in."""

    spec: Json
    init: bool = False
    state: Json = field(default_factory=lambda: waiting("ContainerCreating"))

    @property
    def name(self) -> str:
        """Its name in the pod."""
        return str(self.spec["name"])

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that runs beside the main ones.

        https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
        """
        return self.init and self.spec.get("restartPolicy") == "Always"

    @property
    def exit_code(self) -> int | None:
        """How it ended, if it did."""
        over = self.state.get("terminated")
        return int(over["exitCode"]) if over else None

    def end(self, code: int, *, reason: str = "", message: str = "") -> None:
        """Be over; what is over stays as it is."""
        if "terminated" not in self.state:
            since = self.state.get("running", {}).get("startedAt", "")
            self.state = terminated(code, reason=reason, since=since, message=message)

    def status(self, uid: str) -> Json:
        """Spell it for the pod's status."""
        is_on = "running" in self.state
        done = self.init and not self.sidecar and self.exit_code == 0
        identity = f"simulated://{uid}/{self.name}" if "waiting" not in self.state else ""
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": self.spec["image"] if identity else "",
            "containerID": identity,
            "restartCount": 0,
            "ready": is_on or done,
            "started": is_on,
            "state": self.state,
            "lastState": {},
        }


@dataclass(frozen=True)
class Verdict:
    """What is said of a pod as a whole, beyond its containers."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    disruption: str = ""


def of(pod: Json, containers: Sequence[Container], verdict: Verdict) -> Json:
    """Write the whole status; lists of conditions are merged by type, so others' stay."""
    phase = verdict.phase or phase_of(containers)
    said: Json = {
        "phase": phase,
        "hostIP": "127.0.0.1",
        "podIP": "127.0.0.1",
        "startTime": pod["metadata"]["creationTimestamp"],
        "conditions": _conditions(containers, phase, verdict),
        "containerStatuses": _statuses(pod, containers, init=False),
    }
    if inits := _statuses(pod, containers, init=True):
        said["initContainerStatuses"] = inits
    if verdict.reason:
        said |= {"reason": verdict.reason, "message": verdict.message}
    return said


def phase_of(containers: Sequence[Container]) -> str:
    """Tell a pod's phase, with restartPolicy Never."""
    mains = [one for one in containers if not one.init]
    broken = any(one.exit_code for one in containers if one.init and not one.sidecar)
    if broken or all(one.exit_code is not None for one in mains):
        return "Failed" if broken or any(one.exit_code for one in mains) else "Succeeded"
    started = any("waiting" not in one.state for one in mains)
    return "Running" if started else "Pending"


def condition(kind: str, holds: bool, *, reason: str = "", message: str = "") -> Json:
    """Spell one condition."""
    said = {"type": kind, "status": str(holds), "reason": reason, "message": message}
    return {k: v for k, v in said.items() if v} | {"lastTransitionTime": now()}


def _conditions(containers: Sequence[Container], phase: str, verdict: Verdict) -> list[Json]:
    mains_on = all("running" in one.state for one in containers if not one.init)
    waiting_for = [one for one in containers if one.init and "waiting" in one.state]
    why = "PodCompleted" if phase in ("Succeeded", "Failed") else "ContainersNotReady"
    found = [
        condition("PodReadyToStartContainers", phase == "Running"),
        condition("Initialized", not waiting_for),
        condition("Ready", mains_on, reason="" if mains_on else why),
        condition("ContainersReady", mains_on, reason="" if mains_on else why),
    ]
    if verdict.disruption:
        found.append(
            condition("DisruptionTarget", True, reason=verdict.disruption, message=verdict.message)
        )
    return found


def _statuses(pod: Json, containers: Sequence[Container], *, init: bool) -> list[Json]:
    uid = pod["metadata"]["uid"]
    return [one.status(uid) for one in containers if one.init == init]
