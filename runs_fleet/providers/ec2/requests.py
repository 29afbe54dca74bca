"""Writes CreateFleet requests from what an order wants, the site has and the market gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runs_fleet.errors import NoCapacity, Refused
from runs_fleet.market import Kind
from runs_fleet.models import Arch
from runs_fleet.placement import InstanceType, Terms, choose
from runs_fleet.providers.ec2 import batches, fleet
from runs_fleet.providers.ec2.batches import Batch
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.site import Grounds, LaunchTemplate, Site


class Catalog(Protocol):
    """Knows the region's instance types."""

    def types(self) -> tuple[InstanceType, ...]: ...


class Requests:
    """Thread safe."""

    def __init__(
        self, site: Site, grounds: Grounds, *, catalog: Catalog, memory: CapacityMemory
    ) -> None:
        self._site, self._grounds = site, grounds
        self._catalog, self._memory = catalog, memory

    def write(self, batch: Batch) -> dict[str, Any]:
        """Write the request. Raises NoCapacity, Refused."""
        order = batch.first
        spec, market = order.spec, order.rung.market
        templates = self._templates(spec.arch or self._site.default_arch)
        subnets = self._grounds.subnets(private=spec.private)
        site = Terms(templates.keys(), [each.zone for each in subnets], self._site.families)
        types = choose(spec, self._catalog.types(), site=site, wide=order.rung.wide)
        kinds = {Kind(market, each.name) for each in types}
        avoided = self._memory.avoided(kinds, token=batch.token)
        chosen = fleet.choices(types, subnets, market=market, avoided=avoided)
        if not chosen:
            raise NoCapacity(f"none of the {len(types)} fitting types is sold as {market.value}")
        needed = {each.type.arch for each in chosen} if spec.disk else set[Arch]()
        roots = {arch: self._grounds.root(templates[arch]) for arch in needed}
        lone = fleet.fleet_request(
            order, chosen, templates=templates, roots=roots, fleet=self._site.fleet
        )
        return batches.request(batch, lone, fleet_name=self._site.fleet)

    def _templates(self, arch: Arch | None) -> Mapping[Arch, LaunchTemplate]:
        templates = self._grounds.templates()
        if arch is None:
            return templates
        if arch not in templates:
            raise Refused(
                f"no launch template for arch {arch}; there are templates for {sorted(templates)}"
            )
        return {arch: templates[arch]}
