"""Which machines may run a job, and in which order to try them; pure."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from runs_fleet.errors import Refused
from runs_fleet.models import Arch, Market, Rung, RunnerSpec, Span

MOST_NARROW = 40
MOST_WIDE = 100
MIB_PER_GIB = 1024
LISTED = 5

_FAMILY = re.compile(r"(?P<series>[a-z]+)(?P<generation>[0-9]+)(?P<variant>.*)")
_GENERAL_PURPOSE = frozenset({"c", "m", "r"})
_PLAIN_VARIANTS: dict[Arch, frozenset[str]] = {
    "arm64": frozenset({"g"}),
    "amd64": frozenset({"", "a", "i"}),
}
_PLAIN_GENERATIONS: dict[Arch, range] = {"arm64": range(6, 9), "amd64": range(5, 9)}


class Family(NamedTuple):
    """A type's family, taken apart: `c7gn` is series c, generation 7, variant gn.

    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
    """

    name: str
    series: str
    generation: int
    variant: str


@lru_cache(maxsize=4096)
def family(type_name: str) -> Family:
    """Take a type's or a family's name apart; names unlike the scheme have generation 0."""
    name = type_name.partition(".")[0]
    match = _FAMILY.fullmatch(name)
    if not match:
        return Family(name, name, 0, "")
    return Family(name, match["series"], int(match["generation"]), match["variant"])


@dataclass(frozen=True)
class InstanceType:
    """What one region offers under a name; `zones` are those that offer it."""

    name: str
    vcpus: int
    memory_mib: int
    arch: Arch
    zones: frozenset[str] = frozenset()
    spot: bool = True
    burstable: bool = False
    accelerated: bool = False
    current: bool = True

    @cached_property
    def family(self) -> Family:
        return family(self.name)


def ladder(spec: RunnerSpec, *, spot: bool) -> tuple[Rung, ...]:
    """List the ways to buy this machine, best first; `spot` false leaves spot out.

    A label that names families says which types it tolerates, so it has no wide rungs.
    """
    return _rungs(spot and spec.spot, wide=not spec.families)


@cache
def _rungs(spot: bool, *, wide: bool) -> tuple[Rung, ...]:
    markets = (Market.SPOT, Market.ON_DEMAND) if spot else (Market.ON_DEMAND,)
    widths = (False, True) if wide else (False,)
    return tuple(Rung(market=market, wide=wide) for market in markets for wide in widths)


class Limit(NamedTuple):
    """One condition on a type, in words and as a test."""

    words: str
    holds: Callable[[InstanceType], bool]


class Terms(NamedTuple):
    """What a site offers; `families` are its defaults for labels that name none, if not ours."""

    arches: Collection[Arch]
    zones: Collection[str]
    families: Collection[str] = ()


def choose(
    spec: RunnerSpec,
    catalog: Sequence[InstanceType],
    *,
    site: Terms,
    wide: bool,
) -> tuple[InstanceType, ...]:
    """Return the types that fit, smallest first.

    Raises Refused, naming the limit that leaves nothing.
    """
    fitting = _apply(_limits(spec, catalog, site), catalog)
    plain = [each for each in fitting if spec.families or _is_plain(each, spec, site.families)]
    chosen = fitting if wide or not plain else plain
    return tuple(sorted(chosen, key=_size)[: MOST_WIDE if wide else MOST_NARROW])


def _limits(spec: RunnerSpec, catalog: Sequence[InstanceType], site: Terms) -> Iterable[Limit]:
    wanted, ours = frozenset(site.arches), frozenset(site.zones)
    yield Limit(f"arch {' or '.join(sorted(wanted))}", lambda each: each.arch in wanted)
    yield _families(spec, catalog)
    if spec.gen:
        yield Limit(f"gen {spec.gen}", lambda each: each.family.generation == spec.gen)
    yield Limit(f"cpu {_range(spec.cpu)}", lambda each: _within(spec.cpu, each.vcpus))
    yield Limit(f"ram {_range(spec.ram)} GiB", lambda each: _fits_memory(spec.ram, each))
    yield Limit(
        f"offered in {', '.join(sorted(ours))}", lambda each: not ours.isdisjoint(each.zones)
    )


def _families(spec: RunnerSpec, catalog: Sequence[InstanceType]) -> Limit:
    if not spec.families:
        return Limit("a default family", lambda each: _is_tolerable(each, spec))
    known = frozenset(each.family.name for each in catalog)
    return Limit(
        f"family {'+'.join(spec.families)}",
        lambda each: any(_is_named(each.family, name, known) for name in spec.families),
    )


def _apply(limits: Iterable[Limit], catalog: Sequence[InstanceType]) -> Sequence[InstanceType]:
    left, held = catalog, list[str]()
    for limit in limits:
        kept = [each for each in left if limit.holds(each)]
        if not kept:
            raise Refused(_explain(limit, left, held))
        left, held = kept, [*held, limit.words]
    return left


def _explain(limit: Limit, left: Sequence[InstanceType], held: list[str]) -> str:
    names = [each.name for each in sorted(left, key=_size)]
    listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    before = f" with {', '.join(held)}" if held else ""
    return (
        f"no instance type fits: `{limit.words}` leaves none of the {len(names)} types{before}"
        f" ({listed or 'the catalog is empty'})"
    )


def _is_named(found: Family, name: str, known: frozenset[str]) -> bool:
    """Read `c7g` as that family, `c7` as all of that series and generation, `c` as the series."""
    if name in known:
        return found.name == name
    asked = family(name)
    if asked.generation == 0:
        return found.series == name
    return not asked.variant and found[1:3] == asked[1:3]


def _is_tolerable(each: InstanceType, spec: RunnerSpec) -> bool:
    general = each.family.series in _GENERAL_PURPOSE and not (each.burstable or each.accelerated)
    return general and (each.current or spec.gen is not None)


def _is_plain(each: InstanceType, spec: RunnerSpec, defaults: Collection[str]) -> bool:
    """Leave out families that are paid for disks, network or bandwidth a job rarely needs."""
    if defaults:
        return each.family.name in defaults
    generations = [spec.gen] if spec.gen else _PLAIN_GENERATIONS[each.arch]
    return (
        each.family.variant in _PLAIN_VARIANTS[each.arch] and each.family.generation in generations
    )


def _within(span: Span, value: float) -> bool:
    return span.least <= value and (span.most is None or value <= span.most)


def _fits_memory(ram: Span, each: InstanceType) -> bool:
    return _within(ram, each.memory_mib / MIB_PER_GIB)


def _range(span: Span) -> str:
    return f"{span.least} or more" if span.most is None else f"{span.least} to {span.most}"


def _size(each: InstanceType) -> tuple[int, int, int, str]:
    return each.vcpus, each.memory_mib, -each.family.generation, each.name
