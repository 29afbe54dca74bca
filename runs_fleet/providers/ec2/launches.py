"""Orders become machines: alone or together, and after a crash the very same ones.

An order writes down what it goes out with before it does. Who finds such a note makes the same
call again, under the same token, and gets the same machines; who finds none looks for a machine
that bears the order's name. What was started for nobody bears names too: the sweep removes it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import MISMATCH, code_of, translate
from runs_fleet.budget import Budget
from runs_fleet.errors import FleetError, MachineGone, NoCapacity, RateLimited, Refused, Unavailable
from runs_fleet.fairness import Weight, alike
from runs_fleet.models import Machine, MachineOrder
from runs_fleet.providers.ec2 import batches, fleet, instances
from runs_fleet.providers.ec2.batches import Batch
from runs_fleet.providers.ec2.batching import Answer, Gathering, Pace
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.diary import Diary
from runs_fleet.providers.ec2.lookup import Lookup
from runs_fleet.providers.ec2.tokens import Tokens

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import CreateFleetResultTypeDef, InstanceTypeDef

REMEMBERED = 2000
V = TypeVar("V")


@dataclass(frozen=True)
class Terms:
    """How launches are bought; `zones` tells the zone of each subnet."""

    write: Callable[[Batch], dict[str, Any]]
    zones: Callable[[], Mapping[str, str]]
    memory: CapacityMemory
    budget: Budget
    diary: Diary
    pace: Pace
    weight: Weight = alike


class Launches:
    """Thread safe; one for each process."""

    def __init__(self, ec2: EC2Client, lookup: Lookup, terms: Terms) -> None:
        self._ec2, self._lookup, self._terms = ec2, lookup, terms
        self._tokens = Tokens()
        self._out = _Recent[Batch]()
        self._going = _Recent["Future[Machine]"]()
        self._unsent = _Recent[bool]()
        self._flights = _Recent["Future[Sequence[Answer[Machine]]]"]()
        self._gathering = Gathering[MachineOrder, Machine](
            self._call,
            room=batches.room,
            budget=terms.budget,
            pace=terms.pace,
            weight=terms.weight,
        )

    def create(self, order: MachineOrder) -> Machine:
        """Start the order's machine, or find the one that its token started before.

        Raises NoCapacity also when the token's machine has died since: a new try needs a new token.
        """
        note = self._terms.diary.read()
        went = self._out.get(order.token) or (batches.noted(note, order) if note else None)
        if went is not None and not self._unsent.get(order.token):
            return self._again(went, order)
        if note is not None and not self._unsent.get(order.token):
            found = self._found(self._lookup.of_runner(order.runner))
            if found is not None:
                return found
        return self._anew(order)

    def _anew(self, order: MachineOrder) -> Machine:
        """Launch it, once: an activity that was given up too early is tried again meanwhile."""
        going, mine = self._going.get_or_put(order.token, Future)
        if not mine:
            return going.result()
        try:
            going.set_result(self._gathered(order))
        except BaseException as error:
            # Whatever stops this thread, those who wait for its answer hear of it.
            stopped = Unavailable("whoever launched it was stopped")
            going.set_exception(error if isinstance(error, Exception) else stopped)
            raise
        finally:
            self._going.drop(order.token)
        return going.result()

    def _gathered(self, order: MachineOrder) -> Machine:
        try:
            return self._gathering.ask(
                order,
                kind=batches.kind(order) if batches.key(order.runner) else order.token,
                share=order.repo,
                prepare=self._write_down,
                wanted=self._terms.diary.wanted(),
            )
        except RateLimited:
            # Nothing went out: whoever tries again, and wherever, need not do what the others do.
            self._unsent.put(order.token, True)
            self._terms.diary.write("")
            raise

    def _write_down(self, orders: Sequence[MachineOrder]) -> None:
        self._terms.diary.write(Batch(tuple(orders)).note())

    def _call(self, orders: Sequence[MachineOrder]) -> Sequence[Answer[Machine]]:
        batch = Batch(tuple(orders))
        for order in orders:
            self._out.put(order.token, batch)
            self._unsent.drop(order.token)
        try:
            answers = self._launch(batch)
        except Unavailable:
            raise
        except FleetError:
            for order in orders:
                self._out.drop(order.token)
            raise
        if not batch.is_lone:
            self._flights.put(batch.token, _done(answers))
        return answers

    def _launch(self, batch: Batch) -> Sequence[Answer[Machine]]:
        """Call, and read each order's part of the answer. What is raised is everybody's."""
        budget = self._terms.budget
        asked = self._tokens.ask(batch.token, lambda: self._terms.write(batch))
        try:
            answer = self._ec2.create_fleet(**asked.request)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == MISMATCH:
                return self._adopted(batch)
            verdict = translate(error, f"create {batch.first.runner}")
            if isinstance(verdict, RateLimited):
                budget.throttled()
            raise verdict from error
        budget.served()
        self._tokens.answered(batch.token)
        return self._read(answer, batch)

    def _read(self, answer: CreateFleetResultTypeDef, batch: Batch) -> Sequence[Answer[Machine]]:
        zones, memory = self._terms.zones(), self._terms.memory
        memory.note(fleet.sold_out(answer, zones))
        made = sorted(fleet.machines(answer, zones), key=lambda each: each.machine_id)
        for each in made or (None,):
            memory.settle(batch.token, each)
        if not batch.is_lone:
            self._lookup.learn(
                batch.token, batches.paired(batch.runners, [each.machine_id for each in made])
            )
        missing = len(batch.orders) - len(made)
        if missing <= 0:
            return made[: len(batch.orders)]
        failure = fleet.failure(answer, zones)
        if not batch.is_lone and (made or not isinstance(failure, Refused)):
            # The same token would give the same answer for ever.
            failure = NoCapacity(f"{len(made)} of {len(batch.orders)}: {failure}")
        return [*made, *[failure] * missing]

    def _again(self, batch: Batch, order: MachineOrder) -> Machine:
        """Find what an order's call has made, by making it once more if need be."""
        answers = self._paid(batch) if batch.is_lone else self._shared(batch)
        mine = answers[batch.place(order)]
        if isinstance(mine, FleetError):
            raise mine
        self._refuse_the_dead(mine, order)
        return mine

    def _shared(self, batch: Batch) -> Sequence[Answer[Machine]]:
        """Make a batch's call again, once for all who ask."""
        flight, mine = self._flights.get_or_put(batch.token, Future)
        if mine:
            try:
                flight.set_result(self._relaunched(batch))
            except BaseException as error:
                # As above; and who comes later makes the call again.
                self._flights.drop(batch.token)
                stopped = Unavailable("whoever called was stopped")
                flight.set_exception(error if isinstance(error, Exception) else stopped)
                raise
        return flight.result()

    def _relaunched(self, batch: Batch) -> Sequence[Answer[Machine]]:
        found = list(self._lookup.tagged(batches.BATCH_TAG, batch.token))
        if found:
            return self._paired(batch, found)
        return self._paid(batch)

    def _paid(self, batch: Batch) -> Sequence[Answer[Machine]]:
        """Make a call that nobody has waited for the budget of."""
        wait = self._terms.budget.take()
        if wait > 0:
            raise RateLimited(f"{self._terms.budget.name} waits for its turn", after=wait)
        return self._launch(batch)

    def _adopted(self, batch: Batch) -> Sequence[Answer[Machine]]:
        """Find what another process started under this token, with other parameters."""
        if not batch.is_lone:
            return self._paired(batch, list(self._lookup.tagged(batches.BATCH_TAG, batch.token)))
        found = self._found(list(self._lookup.tagged(fleet.TOKEN_TAG, batch.token)))
        return [found or MachineGone(f"token {batch.token} was used before and has no machine")]

    def _paired(self, batch: Batch, found: Sequence[InstanceTypeDef]) -> Sequence[Answer[Machine]]:
        seen = {each["InstanceId"]: each for each in found}
        pairing = self._lookup.pairing(batch.token, found)
        owned = {runner: machine_id for machine_id, runner in pairing.items()}
        return [self._of(runner, owned, seen) for runner in batch.runners]

    def _of(
        self, runner: str, owned: Mapping[str, str], seen: Mapping[str, InstanceTypeDef]
    ) -> Answer[Machine]:
        if runner not in owned:
            return NoCapacity("others of the same call got what there was")
        if owned[runner] not in seen:
            return Unavailable(f"{owned[runner]} of {runner} is not seen yet")
        return self._found([seen[owned[runner]]]) or MachineGone(f"{owned[runner]} is gone")

    def _found(self, raws: Sequence[InstanceTypeDef]) -> Machine | None:
        alive = next((each for each in raws if instances.is_alive(each)), None)
        return instances.machine(alive) if alive else None

    def _refuse_the_dead(self, made: Machine, order: MachineOrder) -> None:
        # A repeated token repeats its first answer, also when that machine is long gone.
        raws = self._lookup.by_id([made.machine_id])
        if not all(instances.is_alive(each) for each in raws):
            raise MachineGone(f"token {order.token} answers {made.machine_id}, which is gone")


class _Recent(Generic[V]):
    """The last values, by name."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: V) -> None:
        with self._lock:
            self._put(name, value)

    def get_or_put(self, name: str, make: Callable[[], V]) -> tuple[V, bool]:
        """Return the value, and whether it was just made."""
        with self._lock:
            if name in self._values:
                return self._values[name], False
            self._put(name, make())
            return self._values[name], True

    def drop(self, name: str) -> None:
        with self._lock:
            self._values.pop(name, None)

    def _put(self, name: str, value: V) -> None:
        self._values[name] = value
        self._values.move_to_end(name)
        while len(self._values) > self._most:
            self._values.popitem(last=False)


def _done(answers: Sequence[Answer[Machine]]) -> Future[Sequence[Answer[Machine]]]:
    future = Future[Sequence[Answer[Machine]]]()
    future.set_result(answers)
    return future
