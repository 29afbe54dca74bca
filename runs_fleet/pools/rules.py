"""What a definition must be besides well formed; every mistake at once, with its remedy; pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from runs_fleet import labels
from runs_fleet.labels import Refusal
from runs_fleet.pools import fit, overlaps
from runs_fleet.pools.definition import Demand, Listening, PoolDefinition, Targets
from runs_fleet.pools.mistakes import Mistake, Path, meant

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LONGEST_PATIENCE = MINUTE
YEARS = range(2000, 2101)
Found = Iterator[Mistake]


def mistakes(definition: PoolDefinition) -> tuple[Mistake, ...]:
    """Say all that is wrong; paths begin at the definition."""
    return tuple(found for rule in RULES for found in rule(definition))


def _all_targets(definition: PoolDefinition) -> Iterator[tuple[Path, Targets]]:
    yield ("targets",), definition.targets
    for number, window in enumerate(definition.schedule.windows):
        yield ("schedule", "windows", number, "targets"), window.targets
    for number, override in enumerate(definition.schedule.overrides):
        yield ("schedule", "overrides", number, "targets"), override.targets


def _sums(definition: PoolDefinition) -> Found:
    for path, targets in _all_targets(definition):
        total = targets.listening + targets.hot + targets.stopped
        if total > definition.max:
            said = f"{total} members are more than max {definition.max}; lower them, or raise max"
            yield Mistake(path, said)
    if definition.min > definition.max:
        said = f"{definition.min} is more than max {definition.max}; lower it, or raise max"
        yield Mistake(("min",), said)


def _tiers(definition: PoolDefinition) -> Found:
    """In Kubernetes a placeholder pod is all that can wait for a job."""
    if definition.mode == "ec2":
        return
    for path, targets in _all_targets(definition):
        for tier in ("listening", "stopped"):
            if getattr(targets, tier):
                said = "there are no such members in k8s mode; keep hot ones (placeholder pods)"
                yield Mistake((*path, tier), said)
    if definition.demand and definition.demand.tier == "stopped":
        yield Mistake(("demand", "tier"), "there are no stopped members in k8s mode; size hot")
    if definition.listening:
        yield Mistake(("listening",), "pods cannot listen in k8s mode; remove this section")


def _machines(definition: PoolDefinition) -> Found:
    spec, mode = definition.spec, definition.mode
    if spec.pool not in (None, definition.name):
        yield Mistake(("spec",), f"it names another pool, {spec.pool!r}; leave that out")
    if spec.backend not in (None, mode):
        yield Mistake(("spec",), f"its backend is {spec.backend}, the pool's mode {mode}")
    if spec.docker and mode == "ec2":
        said = "only pods have a Docker daemon beside them; on EC2 the image has it, or has not"
        yield Mistake(("spec", "docker"), said)


def _idle(definition: PoolDefinition) -> Found:
    for key in ("idle_timeout", "idle_life"):
        if getattr(definition, key) < MINUTE:
            yield Mistake(
                (key,), "it is shorter than a minute: members would come and go; raise it"
            )


def _demand(definition: PoolDefinition) -> Found:
    demand = definition.demand
    if demand is None:
        return
    if demand.floor > demand.cap:
        said = f"{demand.floor} is more than cap {demand.cap}; lower it, or raise cap"
        yield Mistake(("demand", "floor"), said)
    if demand.cap > definition.max:
        said = f"{demand.cap} is more than max {definition.max}; lower it, or raise max"
        yield Mistake(("demand", "cap"), said)
    yield from _lengths(demand)


def _lengths(demand: Demand) -> Found:
    if demand.window < MINUTE:
        yield Mistake(("demand", "window"), "it is shorter than a minute; 1h is a good length")
    if demand.window + demand.linger > DAY:
        said = "window and linger are longer than 24h together, and no more is remembered"
        yield Mistake(("demand", "window"), f"{said}; shorten one")


def _zone(definition: PoolDefinition) -> Found:
    name = definition.schedule.time_zone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        said = f"there is no time zone {name!r}{meant(name, available_timezones())}"
        yield Mistake(("schedule", "time_zone"), f"{said}; one looks like Europe/Berlin")


def _windows(definition: PoolDefinition) -> Found:
    for number, said in overlaps.windows(definition.schedule.windows):
        yield Mistake(("schedule", "windows", number), said)


def _overrides(definition: PoolDefinition) -> Found:
    for number, each in enumerate(definition.schedule.overrides):
        for key in ("first", "last"):
            if getattr(each, key).year not in YEARS:
                said = f"{getattr(each, key)} is beyond all plans; give a year of this century"
                yield Mistake(("schedule", "overrides", number, key), said)
    for number, said in overlaps.overrides(definition.schedule.overrides):
        yield Mistake(("schedule", "overrides", number), said)


def _repositories(definition: PoolDefinition) -> Found:
    allowed, limit = definition.repositories, definition.repository_limit
    for (_, one), (number, two) in combinations(enumerate(allowed), 2):
        if one.lower() == two.lower():
            yield Mistake(("repositories", number), f"{two!r} is listed twice; keep one of them")
    for pattern, weight in definition.weights.items():
        if weight < 1:
            yield Mistake(("weights", pattern), f"{weight} is no weight; 1 is the least")
        if allowed and not any(fit.matches(each, pattern) for each in allowed):
            said = f"{pattern!r} is none of the pool's repositories; list it there as well"
            yield Mistake(("weights", pattern), said)
    if limit is not None and limit > definition.max:
        said = f"{limit} is more than max {definition.max} and limits nobody; lower it"
        yield Mistake(("repository_limit",), said)


def _cache(definition: PoolDefinition) -> Found:
    if definition.cache is None:
        return
    if definition.mode == "ec2":
        yield Mistake(("cache",), "only pods lease volumes (k8s mode); remove this section")
    if not definition.cache.path.startswith("/"):
        said = f"{definition.cache.path!r} is no absolute path; begin it with /"
        yield Mistake(("cache", "path"), said)


def _listening(definition: PoolDefinition) -> Found:
    section = definition.listening
    if section is None:
        if definition.mode == "ec2":
            yield from _unheard(definition)
        return
    if section.scope.org and section.scope.repo.partition("/")[0] != section.scope.org:
        said = f"{section.scope.org!r} does not own {section.scope.repo}; name a repository of it"
        yield Mistake(("listening", "organization"), said)
    if not timedelta(0) < section.patience <= LONGEST_PATIENCE:
        yield Mistake(("listening", "patience"), "it is not from 1s to 1m; 3s is a good length")
    if said := _label(definition, section):
        yield Mistake(("listening", "label"), said)


def _unheard(definition: PoolDefinition) -> Found:
    for path, targets in _all_targets(definition):
        if targets.listening:
            said = "it is not said where they register; write a listening section for the pool"
            yield Mistake((*path, "listening"), said)


def _label(definition: PoolDefinition, section: Listening) -> str:
    found = labels.parse([section.label])
    ours = f"write {labels.MARKER}/pool={definition.name}, or more that its machines fit"
    if found is None:
        return f"{section.label!r} is no label of ours; {ours}"
    if isinstance(found, Refusal):
        return found.message
    if section.label.partition("/")[0].strip().lower() != labels.MARKER:
        return f"{section.label!r} has a run id, so that it is never asked for again; {ours}"
    if found.spec.pool != definition.name:
        return f"{section.label!r} does not ask for pool {definition.name!r}; {ours}"
    misfit = fit.misfit(definition.spec, found.spec)
    return f"{misfit}; change spec or label" if misfit else ""


RULES: tuple[Callable[[PoolDefinition], Found], ...] = (
    _sums,
    _tiers,
    _machines,
    _idle,
    _demand,
    _zone,
    _windows,
    _overrides,
    _repositories,
    _cache,
    _listening,
)
