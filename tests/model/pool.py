"""A pool in the model: it answers, is late, is silent, or is not there."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from runs_fleet import names
from runs_fleet.models import Machine, Market
from runs_fleet.pools.definition import Tier
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave
from tests.model.clock import Clock
from tests.model.hosts import Host
from tests.model.warm import WarmCloud

NAME = "warm"
# What a pool makes of a claim; without a word most often nothing else goes wrong either.
ANSWERS = ("assigned", "assigned", "assigned", "none", "silent", "patient")
DELAYS = (0.05, 0.05, 0.05, 2.0, 4.0)
LOST = 0.1
TIERS: tuple[Tier, ...] = ("hot", "stopped")


class Claimant(Protocol):
    """A lifecycle, as its pool sees it."""

    ended: bool

    def hear_pool(self, answer: PoolAnswer) -> None: ...


class Pool:
    """Gives each claim at most one member, of its own making; has a chance of its own."""

    def __init__(
        self,
        seed: int,
        clock: Clock,
        warm: WarmCloud,
        *,
        lifecycles: Mapping[int, Claimant],
        log: Callable[..., None],
    ) -> None:
        self._rng = random.Random(f"pool {seed}")
        self._clock, self._warm, self._lifecycles, self._log = clock, warm, lifecycles, log
        self.there = self._rng.random() < 0.9
        self.given: dict[str, Host] = {}
        self.returned: list[PoolLeave] = []
        self._answered: dict[tuple[int, int], PoolAnswer] = {}

    def claim(self, claim: PoolClaim) -> bool:
        """Hear a claim, if there is anybody, and answer it some time."""
        if self.there:
            self._clock.after(self._rng.choice(DELAYS), lambda: self._answer(claim))
        return self.there

    def claim_for(self, claim: PoolClaim) -> None:
        """Hear a claim from whoever started the lifecycle, who may have died before."""
        if self._rng.random() < LOST:
            return
        if not self.claim(claim):
            told = PoolAnswer(kind="absent", job_id=claim.job_id, attempt=1, pool=NAME)
            self._lifecycles[claim.job_id].hear_pool(told)

    def leave(self, leave: PoolLeave) -> bool:
        """Hear what a lifecycle has no use for."""
        if self.there:
            self.returned.append(leave)
            host = self.given.get(leave.member)
            if leave.unused and host is not None:
                self._warm.retire(host, leave.member)
        return self.there

    def _answer(self, claim: PoolClaim) -> None:
        kind = self._rng.choice(ANSWERS)
        if kind == "silent":
            return
        key = (claim.job_id, claim.attempt)
        if key not in self._answered:
            self._answered[key] = self._made(claim, kind)
        answer = self._answered[key]
        if answer.kind == "patient" and claim.waited:
            answer = answer.model_copy(update={"kind": "none"})
        self._log("pool says", claim.job_id, answer.kind, answer.member)
        lifecycle = self._lifecycles[claim.job_id]
        if not lifecycle.ended:
            lifecycle.hear_pool(answer)
        elif answer.member:
            self._warm.retire(self.given[answer.member], answer.member)

    def _made(self, claim: PoolClaim, kind: str) -> PoolAnswer:
        told = PoolAnswer(kind="none", job_id=claim.job_id, attempt=claim.attempt, pool=NAME)
        if kind == "patient":
            until = self._clock.now + timedelta(seconds=3)
            return told.model_copy(update={"kind": "patient", "until": until})
        if kind == "none":
            return told
        member = names.member(NAME, "abcdef", len(self.given) + 1)
        tier = self._rng.choice(TIERS)
        machine = Machine(machine_id=f"i-warm-{len(self.given)}", market=Market.ON_DEMAND)
        self.given[member] = self._warm.keep(machine, member, running=tier == "hot")
        if self._rng.random() < 0.1:
            self._clock.after(self._rng.random() * 20, lambda: self._warm.lose(machine))
        found = {"kind": "assigned", "member": member, "tier": tier, "machine": machine}
        return told.model_copy(update=found)
