"""All pods that have a node here: found in what the watch tells, begun, and buried."""

from simulator.kube.api import Json
from simulator.kube.fleet import NodeFleet
from simulator.kube.kubelet import NODE_LOST, PodLife
from simulator.kube.records import PodRecord
from simulator.kube.site import Site


class NoSuch(LookupError):
    """No pod or node of that name lives here."""


class Pods:
    """The pods of one world; belongs to the loop's thread."""

    def __init__(self, site: Site, fleet: NodeFleet) -> None:
        self._site = site
        self._fleet = fleet
        self._lives: dict[str, PodLife] = {}
        self._past: list[PodLife] = []

    def saw_all(self, found: list[Json]) -> None:
        """Take a list for the truth: what is not in it is gone."""
        there = {pod["metadata"]["uid"] for pod in found}
        for pod in found:
            self.saw("MODIFIED", pod)
        for uid in set(self._lives) - there:
            self._bury(uid)

    def saw(self, kind: str, pod: Json) -> None:
        """Take note of one change."""
        uid = pod["metadata"]["uid"]
        if kind == "DELETED":
            self._bury(uid)
        elif uid in self._lives:
            self._lives[uid].saw(pod)
        elif pod["spec"]["nodeName"] in self._fleet.plans and not _over(pod):
            life = self._lives[uid] = PodLife(pod, self._site)
            if self._fleet.is_silent(life.node):
                # The scheduler does not know yet that nobody is there to start it.
                life.strike(NODE_LOST)
            life.saw(pod)
            self._site.keep(life.live())

    def records(self) -> list[PodRecord]:
        """List the records of all, past and present."""
        return [life.book.record for life in (*self._past, *self._lives.values())]

    def find(self, name: str) -> PodLife:
        """Find the latest pod of a name, or of a Job of this name. Raises NoSuch."""
        for life in (*reversed(self._lives.values()), *reversed(self._past)):
            if name in (life.book.record.name, life.book.record.job):
                return life
        raise NoSuch(f"no pod {name!r} has a node here")

    def on(self, node: str) -> list[PodLife]:
        """List the pods of a node."""
        return [life for life in self._lives.values() if life.node == node]

    def _bury(self, uid: str) -> None:
        if life := self._lives.pop(uid, None):
            life.vanish()
            self._past.append(life)


def _over(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
