"""Kubernetes as a place to run jobs: one Job for each attempt, known by its name."""

from collections.abc import Sequence

from runs_fleet.errors import MachineGone, NoCapacity, NotThere, Refused, Unavailable
from runs_fleet.models import Machine, MachineOrder, MachineStatus, Market, Rung, RunnerSpec
from runs_fleet.providers.k8s import manifests, marks, states
from runs_fleet.providers.k8s.caches import Caches
from runs_fleet.providers.k8s.cluster import JOBS, KINDS, PODS, Cluster, uid
from runs_fleet.providers.k8s.errors import Taken
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site

MOST_NAMES = 100


class K8sProvider:
    """Thread safe. Creating is two calls, one more for each of a NetworkPolicy, volume and cache.

    Kubernetes refuses no Job for want of nodes: what cannot be placed is told by the watch.
    """

    def __init__(self, cluster: Cluster, site: Site, *, owners: Owners | None = None) -> None:
        self._cluster, self._site = cluster, site
        self._caches = Caches(cluster, site)
        self._owners = owners or Owners(cluster)

    def warm_up(self) -> None:
        """Have the server check runners' Jobs, before the first job does. Raises FleetError."""
        for market in Market:
            order = MachineOrder(
                runner="runs-fleet-0-0",
                token="runs-fleet-0-0-0",
                job_id=0,
                attempt=0,
                repo="",
                spec=RunnerSpec(),
                rung=Rung(market=market),
            )
            self._cluster.try_out(manifests.job(order, self._site))

    def create(self, order: MachineOrder) -> Machine:
        """Make the attempt's Job and what it needs, or complete what an earlier try began.

        Raises NoCapacity when a quota is used up, or when the attempt's Job has ended already.
        """
        job = self._made_or_found(order)
        self._owners.remember(job)
        try:
            for body in manifests.dependents(order, self._site, owner=uid(job)):
                self._complete(body)
        except (NoCapacity, Refused):
            # These mean that there is nothing: nobody would remove a Job that waits for the rest.
            self.terminate(order.runner)
            raise
        return marks.machine(job)

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        """Remove the runner's Job, and all that belongs to it, in one call."""
        self._owners.forget(runner)
        return self._cluster.delete(JOBS, runner)

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        """Tell the state of machines by their Jobs; unknown ones are left out."""
        found: list[MachineStatus | None] = []
        for start in range(0, len(machine_ids), MOST_NAMES):
            names = ",".join(machine_ids[start : start + MOST_NAMES])
            jobs = self._cluster.labelled(JOBS, f"{self._ours()},{marks.RUNNER} in ({names})")
            found += [states.status(job) for job in jobs]
        return [each for each in found if each]

    def find(self, runner: str) -> list[MachineStatus]:
        """Tell the state of the runner's machine, also of one that has failed and is removed."""
        pods = self._cluster.labelled(PODS, f"{self._ours()},{marks.RUNNER}={runner}")
        found = states.status(self._job(runner), pods)
        found = found or states.remembered(runner, self._cluster.told("Job", runner))
        return [found] if found else []

    def _ours(self) -> str:
        return f"{marks.FLEET}={self._site.fleet}"

    def _job(self, runner: str) -> Json | None:
        try:
            return self._cluster.read(JOBS, runner)
        except NotThere:
            return None

    def _made_or_found(self, order: MachineOrder) -> Json:
        where = self._caches.path(order.cache, pool=order.spec.pool or "") if order.cache else ""
        try:
            return self._cluster.create(manifests.job(order, self._site, cache=where))
        except Taken:
            return self._adopted(order)
        except NoCapacity:
            # A quota is asked before the name is: the Job may be what used it up.
            if self._job(order.runner) is None:
                raise
            return self._adopted(order)

    def _adopted(self, order: MachineOrder) -> Json:
        """Take the Job of this name over if it is the attempt's own and still of use.

        It may be an earlier order's whose answer was lost: there is one machine of a name.
        """
        job = self._job(order.runner)
        if job is None:
            raise Unavailable(f"Job {order.runner} was there and is gone")
        if not marks.is_of(job, order, self._site):
            raise Refused(f"Job {order.runner} is there, and not of fleet {self._site.fleet}")
        if states.has_ended(job):
            self.terminate(order.runner)
            raise MachineGone(f"Job {order.runner} has ended already")
        if not states.is_alive(job):
            raise Unavailable(f"Job {order.runner} is being removed")
        return job

    def _complete(self, body: Json) -> None:
        """Make an object of a Job, or see that an earlier try has made it for the same Job."""
        metadata = body["metadata"]
        try:
            self._cluster.create(body)
        except (Taken, NoCapacity, Refused) as error:
            what = f"{body['kind']} {metadata['name']}"
            try:
                there = self._cluster.read(KINDS[body["kind"]], metadata["name"])["metadata"]
            except NotThere:
                if not isinstance(error, Taken):
                    raise error from None
                raise Unavailable(f"{what} was an earlier Job's, and is gone now") from None
            owners = [each["uid"] for each in there.get("ownerReferences") or []]
            if metadata["ownerReferences"][0]["uid"] not in owners:
                raise Unavailable(f"{what} is an earlier Job's, soon to be removed") from None
