"""Puts adapters behind the ports: the one place of the worker that knows them."""

from temporalio.client import Client
from temporalio.runtime import Runtime

from runs_fleet.settings import Ec2Settings, K8sSettings
from worker.wiring.wired import Wired

__all__ = ["Wired", "wire"]


def wire(
    settings: Ec2Settings | K8sSettings,
    temporal: Client,
    runtime: Runtime,
    *,
    region: str | None = None,
) -> Wired:
    """Wire a worker of its mode. Raises Refused when a key or a way to the cloud is missing."""
    # Imported late: a worker of one mode does not load the other's SDK.
    if isinstance(settings, Ec2Settings):
        from worker.wiring import ec2

        return ec2.wire(settings, temporal, runtime, region=region)
    from worker.wiring import k8s

    return k8s.wire(settings, temporal, runtime)
