"""Capacity pools: one for each market, instance type and zone, and the order they are tried in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from simulator.aws.models import CapacityRule, MarketName

SPOT_SHARE = 0.35
ARM_SHARE = 0.8


@dataclass(frozen=True)
class Pool:
    """Where capacity is bought."""

    market: MarketName
    instance_type: str
    zone: str


@dataclass(frozen=True)
class Candidate:
    """One pool that a fleet may buy from, and the override that names it."""

    pool: Pool
    subnet: str
    arch: str
    price: float
    priority: float
    template: Any = field(repr=False, compare=False)
    override: dict[str, Any] = field(repr=False, compare=False, hash=False)


class Pools:
    """Counts what is in use; the last rule that matches a pool says what it has."""

    def __init__(self, capacity: int) -> None:
        self.default = CapacityRule(capacity=capacity)
        self._rules: list[CapacityRule] = []
        self._used: Counter[Pool] = Counter()

    def rule(self, rule: CapacityRule) -> None:
        """Add a rule in front of the earlier ones."""
        self._rules.append(rule)

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def free(self, pool: Pool) -> int:
        """Tell how many more machines a pool can give."""
        return max(self._of(pool).capacity - self._used[pool], 0)

    def error(self, pool: Pool) -> str:
        """Tell what an empty pool answers."""
        return self._of(pool).error

    def take(self, pool: Pool, number: int = 1) -> None:
        """Use capacity."""
        self._used[pool] += number

    def give_back(self, pool: Pool) -> None:
        """Free one machine's capacity."""
        self._used[pool] -= 1

    def _of(self, pool: Pool) -> CapacityRule:
        for rule in reversed(self._rules):
            wanted = (rule.market, rule.instance_type, rule.zone)
            given = (pool.market, pool.instance_type, pool.zone)
            if all(map(fnmatchcase, given, wanted)):
                return rule
        return self.default


def ranked(candidates: Iterable[Candidate], *, strategy: str, pools: Pools) -> list[Candidate]:
    """Order candidates as an allocation strategy tries them.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-allocation-strategy.html
    """
    orders: dict[str, Any] = {
        "lowest-price": lambda c: c.price,
        "prioritized": lambda c: c.priority,
        "capacity-optimized": lambda c: -pools.free(c.pool),
        "capacity-optimized-prioritized": lambda c: (-pools.free(c.pool), c.priority),
        "price-capacity-optimized": lambda c: (-pools.free(c.pool), c.price),
        "diversified": lambda c: c.price,
    }
    return sorted(candidates, key=orders[strategy])


def shares(order: list[Candidate], number: int, *, spread: bool, pools: Pools) -> list[int]:
    """Say how many machines each candidate gives; what they cannot give is missing from the sum."""
    given = [0] * len(order)
    left = Counter({c.pool: pools.free(c.pool) for c in order})
    missing = number
    while missing and any(left.values()):
        for index, candidate in enumerate(order):
            most = 1 if spread else missing
            taken = min(most, left[candidate.pool], missing)
            given[index] += taken
            left[candidate.pool] -= taken
            missing -= taken
    return given


def price(details: dict[str, Any], *, market: MarketName) -> float:
    """Make up dollars an hour, in proportion to size; only the order of prices matters."""
    size = 0.036 * float(details["VCpuInfo"]["DefaultVCpus"])
    size += 0.0045 * float(details["MemoryInfo"]["SizeInMiB"]) / 1024
    share = ARM_SHARE if "arm64" in details["ProcessorInfo"]["SupportedArchitectures"] else 1.0
    return size * share * (SPOT_SHARE if market == "spot" else 1.0)
