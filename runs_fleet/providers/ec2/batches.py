"""Orders that become one CreateFleet call: what tells them apart, and who gets which machine; pure.

All instances of a call bear the same tags, and a tag for each would be a call for each. So they
bear the list of all their runners, and the n-th of the machines, sorted by id, is the n-th one's.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from runs_fleet import names
from runs_fleet.models import MachineOrder, Wire
from runs_fleet.providers.ec2 import fleet

BATCH_TAG = f"{names.PREFIX}:batch"
RUNNERS_TAG = f"{names.PREFIX}:runners"
FLEET_ID_TAG = "aws:ec2:fleet-id"
MOST = 18
DIGEST = 32
# What keeps one runner from being taken for another whose name ends, or begins, alike.
BETWEEN = "/"


class Entry(Wire):
    """One order of a batch, as far as its call depends on it."""

    runner: str
    token: str
    repo: str


class Note(Wire):
    """Which call an order went out with: enough for another process to make it again."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Batch:
    """Orders for the same machine, in the order in which they get one."""

    orders: tuple[MachineOrder, ...]

    @property
    def first(self) -> MachineOrder:
        """The order that stands for all."""
        return self.orders[0]

    @property
    def is_lone(self) -> bool:
        """Whether its machine can bear its own runner's tags."""
        return len(self.orders) == 1

    @cached_property
    def token(self) -> str:
        """The idempotency key of the call; a lone order's is its own."""
        if self.is_lone:
            return self.first.token
        told = "\n".join(sorted(each.token for each in self.orders))
        return f"{names.PREFIX}-batch-{hashlib.sha256(told.encode()).hexdigest()[:DIGEST]}"

    @property
    def runners(self) -> tuple[str, ...]:
        """The names, in pairing order."""
        return tuple(each.runner for each in self.orders)

    def place(self, order: MachineOrder) -> int:
        """Tell how many are before it."""
        return self.runners.index(order.runner)

    def note(self) -> str:
        """Write down what another process needs to know to make the call again."""
        entries = (Entry(runner=o.runner, token=o.token, repo=o.repo) for o in self.orders)
        return Note(entries=tuple(entries)).model_dump_json()


def noted(note: str, order: MachineOrder) -> Batch | None:
    """Read a note back; None when it is of another order, or cannot be read."""
    try:
        entries = Note.model_validate_json(note).entries
    except ValidationError:
        return None
    if order.token not in {each.token for each in entries}:
        return None
    return Batch(tuple(order.model_copy(update=each.model_dump()) for each in entries))


def kind(order: MachineOrder) -> tuple[object, ...]:
    """Tell which orders may go together: those that ask for the same machine, in the same way."""
    spec = order.spec
    machine = (spec.cpu, spec.ram, spec.arch, spec.families, spec.gen, spec.disk, spec.private)
    return (*machine, order.rung)


def key(runner: str) -> str | None:
    """Shorten a runner's name for the list; None for one that is in no batch."""
    owner = names.owner(runner)
    return f"{owner[0]}-{owner[1]}" if owner else None


def room(orders: Sequence[MachineOrder]) -> int:
    """Tell how many of the first orders fit into one call."""
    length, count = len(BETWEEN), 0
    for order in orders[:MOST]:
        short = key(order.runner)
        if short is None:
            return max(count, 1)
        length += len(short) + len(BETWEEN)
        if length > fleet.LONGEST_TAG:
            break
        count += 1
    return max(count, 1)


def pattern(runner: str) -> str | None:
    """Write what a filter finds a runner's batches by."""
    short = key(runner)
    return f"*{BETWEEN}{short}{BETWEEN}*" if short else None


def listed(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Read the runners that a machine's batch was for, in pairing order."""
    keys = (each.partition("-") for each in tags.get(RUNNERS_TAG, "").split(BETWEEN) if each)
    return tuple(
        names.runner(int(job), int(attempt))
        for job, _, attempt in keys
        if job.isdecimal() and attempt.isdecimal()
    )


def paired(runners: Sequence[str], machine_ids: Iterable[str]) -> dict[str, str]:
    """Give each machine its runner. Of too few machines, the last runners get none."""
    return dict(zip(sorted(machine_ids), runners, strict=False))


def request(batch: Batch, lone: Mapping[str, Any], *, fleet_name: str) -> dict[str, Any]:
    """Make a batch's request of one that is written for its first order."""
    if batch.is_lone:
        return dict(lone)
    target = {**lone["TargetCapacitySpecification"], "TotalTargetCapacity": len(batch.orders)}
    return {
        **lone,
        "ClientToken": fleet.client_token(batch.token, fleet_name),
        "TargetCapacitySpecification": target,
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags(batch, fleet_name)}
            for kind in ("fleet", "instance")
        ],
    }


def tags(batch: Batch, fleet_name: str) -> list[dict[str, str]]:
    """Name the owners of a batch's machines. One repository is named as for a lone order."""
    keys = [key(each) or "" for each in batch.runners]
    repos = [each.repo[: fleet.LONGEST_TAG] for each in batch.orders]
    alike = len(set(repos)) == 1
    facts = {
        "Name": batch.token,
        BATCH_TAG: batch.token,
        RUNNERS_TAG: BETWEEN.join(["", *keys, ""]),
        **({fleet.REPO_TAG: repos[0]} if alike else _numbered(repos)),
        fleet.FLEET_TAG: fleet_name,
        fleet.MANAGED_TAG: "true",
    }
    return [{"Key": name, "Value": value} for name, value in facts.items()]


def repo(tags: Mapping[str, str], runner: str) -> str:
    """Read which repository a batch's runner is for."""
    if fleet.REPO_TAG in tags:
        return tags[fleet.REPO_TAG]
    places = {name: place for place, name in enumerate(listed(tags))}
    return tags.get(f"{fleet.REPO_TAG}-{places[runner]}", "") if runner in places else ""


def _numbered(repos: Sequence[str]) -> dict[str, str]:
    return {f"{fleet.REPO_TAG}-{place}": repo for place, repo in enumerate(repos)}
