"""The labels and annotations by which everything of a runner is known; pure."""

from collections.abc import Mapping
from typing import Any

from runs_fleet import sizes
from runs_fleet.models import Machine, MachineOrder, Market
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import LABELS, MANAGED_BY

MANAGER = "runs-fleet"
RUNNER = f"{LABELS}runner"
JOB_ID = f"{LABELS}job-id"
ATTEMPT = f"{LABELS}attempt"
FLEET = f"{LABELS}fleet"
POOL = f"{LABELS}pool"
REPO = f"{LABELS}repo"
TOKEN = f"{LABELS}token"
MARKET = f"{LABELS}market"
MACHINE_TYPE = f"{LABELS}machine-type"
PLACEHOLDER = f"{LABELS}placeholder"
RECYCLED = f"{LABELS}recycled-at"
CACHE = f"{LABELS}cache"
CACHE_SPEC = f"{LABELS}cache-spec"


def labels(order: MachineOrder, site: Site) -> dict[str, str]:
    """Say whose an object is, in values that selectors can find."""
    found = {
        **fleet_labels(site),
        RUNNER: order.runner,
        JOB_ID: str(order.job_id),
        ATTEMPT: str(order.attempt),
    }
    return {**found, POOL: order.spec.pool} if order.spec.pool else found


def fleet_labels(site: Site) -> dict[str, str]:
    """The operator's labels and the fleet's."""
    return {**site.labels, MANAGED_BY: MANAGER, FLEET: site.fleet}


def annotations(order: MachineOrder) -> dict[str, str]:
    """Say what is too long or too strange for a label."""
    return {
        REPO: order.repo,
        TOKEN: order.token,
        MARKET: order.rung.market.value,
        MACHINE_TYPE: sizes.machine_type(order.spec),
    }


def metadata(order: MachineOrder, site: Site, *, owner: str = "") -> dict[str, Any]:
    """Name an object; with the uid of its Job as `owner` it goes when the Job goes.

    https://kubernetes.io/docs/concepts/architecture/garbage-collection/
    """
    found: dict[str, Any] = {
        "name": order.runner,
        "namespace": site.namespace,
        "labels": labels(order, site),
        "annotations": annotations(order),
    }
    return {**found, "ownerReferences": [job_reference(order.runner, owner)]} if owner else found


def job_reference(name: str, uid: str) -> dict[str, str]:
    """Point to the Job that something belongs to."""
    return {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}


def is_of(found: Mapping[str, Any], order: MachineOrder, site: Site) -> bool:
    """Tell whether an object was made for this attempt by this fleet."""
    wanted = labels(order, site)
    given = found["metadata"].get("labels") or {}
    return all(
        given.get(key) == wanted[key] for key in (MANAGED_BY, FLEET, RUNNER, JOB_ID, ATTEMPT)
    )


def machine(job: Mapping[str, Any]) -> Machine:
    """Read the machine off its Job."""
    given = job["metadata"].get("annotations") or {}
    return Machine(
        machine_id=job["metadata"]["name"],
        machine_type=given.get(MACHINE_TYPE, ""),
        market=Market(given.get(MARKET, Market.ON_DEMAND.value)),
    )
