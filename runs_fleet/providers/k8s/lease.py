"""Which of several workers speaks: the holder of a Lease, by optimistic concurrency.

https://kubernetes.io/docs/concepts/architecture/leases/
The leader election of the official client never lets go, and cannot be ended.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runs_fleet.errors import FleetError, NotThere
from runs_fleet.providers.k8s.rest import Conflict, Json, Rest

DURATION = 15.0
# Its holder stops sooner than others may begin: clocks run at slightly different speeds.
SURE_FOR = 2 / 3

log = logging.getLogger(__name__)


@dataclass
class Lease:
    """One Lease as one worker sees it; `renew` it a few times within `duration` seconds.

    Nobody's wall clock counts: a Lease has run out when this worker has seen it unchanged for as
    long as its holder said.
    """

    rest: Rest
    namespace: str
    name: str
    identity: str
    duration: float = DURATION
    clock: Callable[[], float] = time.monotonic
    _renewed: float | None = field(default=None, init=False)
    _seen: Any = field(default=None, init=False)
    _seen_at: float = field(default=0.0, init=False)

    @property
    def held(self) -> bool:
        """Whether it is surely ours at this moment."""
        sure_for = self.duration * SURE_FOR
        return self._renewed is not None and self.clock() - self._renewed < sure_for

    def renew(self) -> bool:
        """Take it, or keep it; returns whether it is ours. No answer leaves it as it was."""
        asked_at = self.clock()
        try:
            taken = self._take()
        except Conflict:
            taken = False
        self._renewed = asked_at if taken else None
        return self.held

    def release(self) -> None:
        """Let the next one have it at once; if that fails it runs out."""
        renewed, self._renewed = self._renewed, None
        if renewed is None:
            return
        try:
            lease = self.rest.get(self._path)
            if lease["spec"].get("holderIdentity") == self.identity:
                self.rest.put(self._path, _written(lease, "", seconds=1))
        except FleetError as error:
            log.info("lease not released", extra={"lease": self.name, "reason": str(error)})

    @property
    def _path(self) -> str:
        return f"{self._list}/{self.name}"

    @property
    def _list(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def _take(self) -> bool:
        try:
            lease = self.rest.get(self._path)
        except NotThere:
            self.rest.post(
                self._list, _written(self._fresh(), self.identity, seconds=self.duration)
            )
            return True
        if not self._free(lease):
            return False
        self.rest.put(self._path, _written(lease, self.identity, seconds=self.duration))
        return True

    def _free(self, lease: Json) -> bool:
        """Whether it is ours, nobody's, or has been left unchanged for too long."""
        spec = lease.get("spec", {})
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen:
            self._seen, self._seen_at = version, self.clock()
        if spec.get("holderIdentity") in (self.identity, "", None):
            return True
        return self.clock() - self._seen_at > float(
            spec.get("leaseDurationSeconds") or self.duration
        )

    def _fresh(self) -> Json:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "labels": {"app.kubernetes.io/managed-by": "runs-fleet"},
            },
            "spec": {},
        }


def _written(lease: Json, holder: str, *, seconds: float) -> Json:
    """Write a holder into a Lease; its resourceVersion makes it fail if it has changed since."""
    spec = dict(lease["spec"])
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if holder != spec.get("holderIdentity"):
        spec["acquireTime"] = now
        spec["leaseTransitions"] = int(spec.get("leaseTransitions", 0)) + 1
    spec |= {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(int(seconds), 1),
        "renewTime": now,
    }
    return {**lease, "spec": spec}
