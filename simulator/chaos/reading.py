"""Reads the books of each cloud."""

import re
from collections.abc import Iterator

from simulator.aws.client import GONE, AwsWorld
from simulator.aws.models import Books, FleetCall, MachineRecord
from simulator.chaos.machines import CloudBooks, Left, Machine, Order
from simulator.kube.proxy import Call
from simulator.kube.records import RUNNER, PodRecord
from simulator.kube.world import KINDS, KubeWorld
from simulator.world import World

WRITES = ("POST", "DELETE")
POOL_TAG, MEMBER_TAG = "runs-fleet:pool", "runs-fleet:member"
POOL, PLACEHOLDER = "runs-fleet.io/pool", "runs-fleet.io/placeholder"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
STANDBY = "-standby-"
KIND = re.compile(
    r"/namespaces/[^/]+/(jobs|configmaps|secrets|networkpolicies|persistentvolumeclaims)"
    r"(?:/([^/?]+))?"
)


def books(world: World) -> CloudBooks:
    """Read the books of the world's first cloud."""
    return of_kube(world.kube) if world.plan.modes[0] == "k8s" else of_aws(world.aws)


def of_aws(aws: AwsWorld) -> CloudBooks:
    """Read AWS's."""
    found = aws.books()
    return CloudBooks(
        machines=tuple(map(instance, aws.machines())),
        orders=tuple(order for call in found.fleets for order in _fleet(call)),
        left=(*_parameters(found), *_queues(found)),
    )


def _parameters(found: Books) -> Iterator[Left]:
    for name, held in found.parameters.items():
        if held.there:
            yield Left(kind="parameter", name=name)


def _queues(found: Books) -> Iterator[Left]:
    """List the queues at which machines of pools are called."""
    for name in found.queues:
        if STANDBY in name:
            yield Left(kind="queue", name=name)


def of_kube(kube: KubeWorld) -> CloudBooks:
    """Read the cluster's: the nodes' of pods, the proxy's of calls, and what is in the API."""
    pods = kube.nodes.pods() if kube.nodes else []
    calls = kube.proxy.calls if kube.proxy else []
    return CloudBooks(
        machines=tuple(map(pod, pods)),
        orders=tuple(_calls(calls)),
        left=tuple(_objects(kube)),
    )


def instance(record: MachineRecord) -> Machine:
    """Put an instance into the common shape."""
    ends = [at for state, at in record.times if state in GONE]
    return Machine(
        machine_id=record.machine_id,
        runner=record.runner,
        state=record.state,
        began=record.times[0][1],
        ended=ends[0] if ends else None,
        cause=record.cause,
        market=record.market,
        pool=record.tags.get(POOL_TAG, ""),
        member=record.tags.get(MEMBER_TAG, ""),
        times=tuple(record.times),
    )


def pod(record: PodRecord) -> Machine:
    """Put a pod into the common shape."""
    ended = record.times.get("struck", record.times.get("ended"))
    return Machine(
        machine_id=record.name,
        runner=record.runner,
        state=list(record.times)[-1],
        began=record.times.get("running", record.times["bound"]),
        ended=None if record.alive else ended,
        cause=record.cause,
        ran="running" in record.times,
        busy=record.busy,
        node=record.node,
        pool=record.labels.get(POOL, ""),
        member=record.name if PLACEHOLDER in record.labels else "",
        volumes=record.claims,
        times=tuple(record.times.items()),
    )


def _fleet(call: FleetCall) -> Iterator[Order]:
    made = call.error or ", ".join(call.instances) or "no capacity"
    for runner in call.runners:
        yield Order(at=call.arrived, runner=runner, words=f"{call.token}: {made}")


def _calls(calls: list[Call]) -> Iterator[Order]:
    """Pick what makes or removes something of a runner's; who makes is not in the path."""
    for call in list(calls):
        found = KIND.search(call.path)
        if found is not None and call.method in WRITES:
            words = f"{call.method} {found[1]} {found[2] or ''} {call.fault}".rstrip()
            yield Order(at=call.at, runner=found[2] or "", words=words)


def _objects(kube: KubeWorld) -> Iterator[Left]:
    for kind in KINDS:
        for found in kube.objects(kind):
            metadata = found["metadata"]
            runner = metadata["labels"].get(RUNNER, "")
            yield Left(kind=kind.replace("_", " "), name=metadata["name"], runner=runner)
    for found in kube.cluster.api.get(DEPLOYMENTS.format(kube.namespace))["items"]:
        yield Left(kind="deployment", name=found["metadata"]["name"])
