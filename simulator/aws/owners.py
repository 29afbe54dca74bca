"""Whose machines are whose, read from their tags as anybody could."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from simulator.aws.models import MachineRecord

RUNNER_TAG = "runs-fleet:runner"
BATCH_TAG, RUNNERS_TAG = "runs-fleet:batch", "runs-fleet:runners"


def runners(tags: Mapping[str, str]) -> tuple[str, ...]:
    """List the runners that a call with these tags makes machines for."""
    if RUNNER_TAG in tags:
        return (tags[RUNNER_TAG],)
    return tuple(f"runs-fleet-{key}" for key in tags.get(RUNNERS_TAG, "").split("/") if key)


def named(records: Iterable[MachineRecord]) -> list[MachineRecord]:
    """Say of each machine whose it is; takes all machines that ever were."""
    machines = list(records)
    ids = defaultdict[str, list[str]](list)
    for each in machines:
        ids[each.tags.get(BATCH_TAG, "")].append(each.machine_id)
    return [each.model_copy(update={"runner": _runner(each, ids)}) for each in machines]


def _runner(machine: MachineRecord, ids: Mapping[str, list[str]]) -> str:
    listed = runners(machine.tags)
    if RUNNER_TAG in machine.tags or not listed:
        return next(iter(listed), "")
    place = sorted(ids[machine.tags[BATCH_TAG]]).index(machine.machine_id)
    return listed[place]
