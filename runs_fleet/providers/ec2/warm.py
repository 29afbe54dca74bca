"""Machines that a pool keeps on EC2: told to stand by, stopped, started, taken and removed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import code_of, translate, translated
from runs_fleet.errors import NoCapacity, Refused, Unavailable
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.wire import MemberLaunched, MemberOrder, MemberStatus
from runs_fleet.providers.ec2 import instances, members
from runs_fleet.providers.ec2.budgets import out_of
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.standby import Standby
from runs_fleet.providers.ec2.switching import NOT_FOUND, Switch

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import InstanceStateChangeTypeDef, InstanceTypeDef

REMEMBERED = 1000


class WarmEc2:
    """The WarmMachines port. Thread safe; one for each process, since it gathers calls."""

    def __init__(self, launching: Launching, standby: Standby) -> None:
        self._launching, self._standby = launching, standby
        self._ec2, self._lookup = launching.ec2, launching.lookup
        self._budgets = launching.budgets
        self._starts = Switch("start", self._start, self._budgets.starts)
        self._stops = Switch("stop", self._stop, self._budgets.stops)
        self._takers = _Takers()

    def launch(self, order: MemberOrder) -> MemberLaunched:
        """Launch a member on demand and tell it to stand by, or find what its token launched."""
        made = self._launching.launch(order)
        wake = self._standby.open(order.member, made.machine_id, idle_limit=order.idle_limit)
        return MemberLaunched(machine=made, wake=wake)

    def take(self, machine_id: str, *, runner: str, start: bool, repo: str = "") -> None:
        """Start a stopped member, and mark it as this runner's.

        Only one caller learns from EC2 that it has started a stopped machine, and need not look
        whose it is. Raises NoCapacity, Refused, and Unavailable while it is still stopping.
        """
        self._takers.note(machine_id, runner)
        if not (start and self._starts.turn(machine_id) == "stopped"):
            self._check(machine_id, runner, may_stop=start)
        with translated(f"mark {machine_id}"), out_of(self._budgets.tags):
            self._ec2.create_tags(Resources=[machine_id], Tags=members.mark(runner, repo))

    def stop(self, machine_id: str) -> None:
        """Stop a member; stopping, stopped and gone are a success. A runner's is Refused."""
        raw = self._look(machine_id)
        if raw is None or not instances.is_alive(raw):
            return
        if runner := members.marked(raw):
            raise Refused(f"stop {machine_id}: it is {runner}'s")
        if not self._stops.turn(machine_id):
            raise Unavailable(f"stop {machine_id}: it is {raw['State']['Name']}")

    def remove(self, member: str, machine_id: str | None) -> bool:
        """Terminate one known machine, or all of this member, with what belongs to them.

        Returns whether any was seen, terminated ones included.
        """
        if machine_id and self._is_terminated(machine_id):
            self._standby.close(machine_id)
            return True
        found = list(self._lookup.tagged(members.MEMBER_TAG, member))
        alive = [each["InstanceId"] for each in found if not instances.is_gone(each)]
        if alive:
            with translated(f"terminate {member}"), out_of(self._budgets.terminations):
                self._ec2.terminate_instances(InstanceIds=alive)
        known = [machine_id] if machine_id else []
        for each in dict.fromkeys([*known, *(raw["InstanceId"] for raw in found)]):
            self._standby.close(each)
        return bool(found)

    def members(self, pool: str) -> list[MemberStatus]:
        """List this fleet's machines of a pool; EC2 shows those that ended for about an hour."""
        queues = self._standby.queues
        return [
            members.status(raw, wake=queues.address(raw["InstanceId"]))
            for raw in self._lookup.tagged(members.POOL_TAG, pool)
        ]

    def site(self, spec: RunnerSpec) -> str:
        """Name the launch templates and images that a machine of this spec would be made of."""
        return self._launching.made_of(spec)

    def wake(self, address: str) -> None:
        """Tell an agent that stands by of its config; an address that is gone is a success."""
        self._standby.queues.call(address)

    def _check(self, machine_id: str, runner: str, *, may_stop: bool) -> None:
        """Look whether a machine is alive, or soon can be, and nobody else's."""
        raw = self._look(machine_id)
        if raw is None or instances.is_gone(raw):
            raise NoCapacity(f"take {machine_id}: it is gone")
        if members.marked(raw) not in ("", runner):
            raise Refused(f"take {machine_id}: it is {members.marked(raw)}'s, not {runner}'s")
        if not instances.is_alive(raw):
            words = f"take {machine_id}: it is {raw['State']['Name']}"
            raise Unavailable(words) if may_stop else NoCapacity(words)

    def _look(self, machine_id: str) -> InstanceTypeDef | None:
        return next(self._lookup.by_id([machine_id]), None)

    def _start(self, machine_ids: Sequence[str]) -> Sequence[InstanceStateChangeTypeDef]:
        return self._ec2.start_instances(InstanceIds=machine_ids)["StartingInstances"]

    def _stop(self, machine_ids: Sequence[str]) -> Sequence[InstanceStateChangeTypeDef]:
        return self._ec2.stop_instances(InstanceIds=machine_ids)["StoppingInstances"]

    def _is_terminated(self, machine_id: str) -> bool:
        try:
            with out_of(self._budgets.terminations):
                self._ec2.terminate_instances(InstanceIds=[machine_id])
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == NOT_FOUND:
                return False
            raise translate(error, f"terminate {machine_id}") from error
        return True


class _Takers:
    """Who has taken what in this process: two may not, whatever EC2 shows yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runners: OrderedDict[str, str] = OrderedDict()

    def note(self, machine_id: str, runner: str) -> None:
        with self._lock:
            known = self._runners.setdefault(machine_id, runner)
            while len(self._runners) > REMEMBERED:
                self._runners.popitem(last=False)
        if known != runner:
            raise Refused(f"take {machine_id}: it is {known}'s, not {runner}'s")
