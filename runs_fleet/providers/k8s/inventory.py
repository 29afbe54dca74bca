"""All that the fleet has in its namespace: Jobs, what outlived its Job, and what pools keep."""

from datetime import datetime

from runs_fleet.census import HeldConfig, OwnedMachine
from runs_fleet.providers.k8s import marks, placeholder, states
from runs_fleet.providers.k8s.cluster import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    NETWORK_POLICIES,
    SECRETS,
    VOLUME_CLAIMS,
    Cluster,
)
from runs_fleet.providers.k8s.rest import Json

# Kubernetes removes them after their Job, unless they have lost their owner's mark.
BELONGINGS = (CONFIG_MAPS, SECRETS, NETWORK_POLICIES, VOLUME_CLAIMS)
# A pool's placeholders are all one machine, and so is each of its cache volumes.
POOLS = {DEPLOYMENTS: marks.PLACEHOLDER, VOLUME_CLAIMS: marks.CACHE}


class K8sInventory:
    """The Inventory port. Of everything but Jobs only the metadata is read."""

    def __init__(self, cluster: Cluster, *, fleet: str) -> None:
        self._cluster = cluster
        self._fleet = f"{marks.FLEET}={fleet}"
        self._ours = f"{self._fleet},{marks.RUNNER}"

    def machines(self) -> list[OwnedMachine]:
        """List Jobs, and as `remains` the ended ones and the names of belongings without a Job.

        Belongings first: a Job is made before them, so theirs is not missed.
        """
        belongings = [each for kind in BELONGINGS for each in self._cluster.heads(kind, self._ours)]
        jobs = [_job(each) for each in self._cluster.labelled(JOBS, self._ours)]
        known = {each.machine_id for each in jobs}
        # The youngest speaks for all of them: somebody may be about to make more.
        remains = {each.machine_id: each for each in sorted(map(_remains, belongings), key=_age)}
        orphans = [each for name, each in remains.items() if name not in known]
        return [*jobs, *orphans, *self._of_pools()]

    def configs(self) -> list[HeldConfig]:
        """List the Secrets that wait for their pods, without reading them."""
        return [
            HeldConfig(machine_id=_name(each), written_at=_made_at(each))
            for each in self._cluster.heads(SECRETS, self._ours)
        ]

    def terminate(self, machine_id: str) -> None:
        """Remove this Job, and everything of its name; already gone is a success."""
        for kind in (DEPLOYMENTS,) if placeholder.is_name(machine_id) else (JOBS, *BELONGINGS):
            self._cluster.delete(kind, machine_id)

    def _of_pools(self) -> list[OwnedMachine]:
        found = [
            each
            for kind, mark in POOLS.items()
            for each in self._cluster.heads(kind, f"{self._fleet},{marks.POOL},{mark}")
        ]
        return [_kept(each) for each in found]


def _job(job: Json) -> OwnedMachine:
    return _owned(job, at=_ended_at(job), remains=not states.is_alive(job))


def _kept(thing: Json) -> OwnedMachine:
    return OwnedMachine(
        machine_id=_name(thing),
        runner="",
        pool=thing["metadata"]["labels"][marks.POOL],
        member=_name(thing),
        launched_at=_made_at(thing),
    )


def _remains(thing: Json) -> OwnedMachine:
    return _owned(thing, at=_made_at(thing), remains=True)


def _owned(thing: Json, *, at: datetime, remains: bool) -> OwnedMachine:
    metadata = thing["metadata"]
    return OwnedMachine(
        machine_id=_name(thing),
        runner=metadata["labels"][marks.RUNNER],
        repo=metadata.get("annotations", {}).get(marks.REPO, ""),
        launched_at=at,
        remains=remains,
    )


def _ended_at(job: Json) -> datetime:
    """Say when a Job ended, or when it was made: what has just ended is left to its owner."""
    conditions = job.get("status", {}).get("conditions", [])
    ends = [each["lastTransitionTime"] for each in conditions if each["status"] == "True"]
    return max(map(datetime.fromisoformat, ends), default=_made_at(job))


def _made_at(thing: Json) -> datetime:
    return datetime.fromisoformat(thing["metadata"]["creationTimestamp"])


def _name(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def _age(machine: OwnedMachine) -> datetime:
    return machine.launched_at
