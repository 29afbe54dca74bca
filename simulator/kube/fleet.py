"""The nodes themselves: registered, kept alive by leases, filled, lost and replaced."""

import asyncio
import itertools
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from simulator.kube import machines
from simulator.kube.api import MERGE, Api, ApiAway, ApiError, Json
from simulator.kube.plans import NodePlan
from simulator.kube.site import Site

NODES = "/api/v1/nodes"
NOT_READY = "node.kubernetes.io/not-ready"
NOT_FOUND, CONFLICT = 404, 409


class NodeFleet:
    """All nodes of one world; belongs to the loop's thread."""

    def __init__(self, api: Api, site: Site, *, world: str | None, suffix: str) -> None:
        self.plans: dict[str, NodePlan] = {}
        self._api = api
        self._site = site
        self._world = world
        self._suffix = suffix
        self._numbers: dict[str, itertools.count[int]] = {}
        self._silent: set[str] = set()
        self._full: set[str] = set()

    async def add(self, plan: NodePlan) -> str:
        """Register a node, and wait until pods may be put on it."""
        number = next(self._numbers.setdefault(plan.name, itertools.count()))
        name = f"{plan.name}-{number}-{self._suffix}"
        self.plans[name] = plan
        body = machines.node(plan, name, world=self._world)
        await self._site.call(lambda: self._post(machines.LEASES, machines.lease(name)))
        await self._site.call(lambda: self._post(NODES, body))
        await self._site.call(lambda: self._await_schedulable(name))
        return name

    async def renew(self) -> None:
        """Renew the leases for ever, and say of nodes that were given up that they are well."""
        while True:
            await asyncio.sleep(self._site.manners.lease_every)
            for name in set(self.plans) - self._silent:
                body = machines.lease(name)
                await self._site.call(partial(self._renew, name, body))

    async def fill(self, names: Iterable[str]) -> None:
        """Make nodes full, so that nothing more fits."""
        for name in names:
            self._full.add(name)
            await self._resize(name, machines.nothing(self.plans[name]))

    async def empty(self) -> None:
        """Give full nodes their capacity back."""
        for name in self._full & set(self.plans):
            await self._resize(name, machines.capacity(self.plans[name]))
        self._full.clear()

    def silence(self, name: str) -> None:
        """Let a node say nothing more."""
        self._silent.add(name)

    def is_silent(self, name: str) -> bool:
        """Tell whether a node says nothing any more."""
        return name in self._silent

    async def forget(self, name: str) -> None:
        """Take a node out of the cluster, as a cloud does with one that it has lost."""
        self.silence(name)
        self.plans.pop(name, None)
        await self._site.call(lambda: self._delete(name))

    async def taint(self, name: str, taint: Json) -> None:
        """Add a taint; there already is fine."""
        found = await self._site.call(lambda: self._api.get(f"{NODES}/{name}"))
        others = [one for one in found["spec"].get("taints", ()) if one["key"] != taint["key"]]
        taints = [*others, taint]
        patch = {"spec": {"taints": taints}}
        await self._site.call(lambda: self._api.patch(f"{NODES}/{name}", patch, kind=MERGE))

    def remove_all(self) -> None:
        """Take all nodes out of the cluster, once, for the end."""
        for name in list(self.plans):
            with suppress(ApiAway, ApiError):
                self._delete(name)

    async def _resize(self, name: str, room: Json) -> None:
        patch = {"status": {"allocatable": room, "capacity": room}}
        await self._site.call(lambda: self._api.patch(f"{NODES}/{name}/status", patch))

    def _post(self, path: str, body: Json) -> None:
        try:
            self._api.post(path, body)
        except ApiError as error:
            # A cluster that has just started has no namespace for leases yet.
            if error.status == NOT_FOUND:
                raise ApiAway(str(error)) from error
            if error.status != CONFLICT:
                raise

    def _await_schedulable(self, name: str) -> None:
        taints = self._api.get(f"{NODES}/{name}")["spec"].get("taints", ())
        if any(taint["key"] == NOT_READY for taint in taints):
            raise ApiAway(f"{name} is not ready yet")

    def _renew(self, name: str, body: Json) -> None:
        with suppress(ApiError):
            self._api.patch(f"{machines.LEASES}/{name}", {"spec": body["spec"]}, kind=MERGE)
            status = self._api.get(f"{NODES}/{name}")["status"]
            if not any(one["type"] == "Ready" and one["status"] == "True" for one in _said(status)):
                patch = {"status": {"conditions": [machines.ready()]}}
                self._api.patch(f"{NODES}/{name}/status", patch)

    def _delete(self, name: str) -> None:
        for path in (f"{NODES}/{name}", f"{machines.LEASES}/{name}"):
            try:
                self._api.delete(path)
            except ApiError as error:
                if error.status != NOT_FOUND:
                    raise


def _said(status: Json) -> list[Json]:
    return list(status.get("conditions", ()))
