"""How many placeholder pods a pool of Kubernetes mode has, and which volumes it lends; pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from runs_fleet.answers import Failure
from runs_fleet.pools import lettings, sizing
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder

LOOK_EVERY, AGAIN = timedelta(minutes=1), timedelta(seconds=15)


def order(state: PoolState, targets: Targets, now: datetime) -> PlaceholderOrder | None:
    """Say what the cluster is to have, when it has something else, or was not asked for long."""
    if state.keeping or state.removed:
        return None
    replicas = replicas_of(state, targets)
    if not _other(state, replicas) and state.keep_at is not None and now < state.keep_at:
        return None
    definition = state.definition
    return PlaceholderOrder(
        pool=definition.name,
        spec=definition.spec,
        replicas=replicas,
        cache=definition.cache,
        leased=tuple(sorted({*state.leases, *state.let_go})),
        doubted=tuple(sorted({*state.doubted, *state.let_go})),
        recycled_at=_recycling(state),
        remove=bool(state.ending),
    )


def _other(state: PoolState, replicas: int) -> bool:
    """Whether the cluster has something else than is to be; after a failure nobody knows."""
    if state.replicas is None:
        return False
    other = replicas != state.replicas or _recycling(state) != state.recycled_at
    return other or bool(state.ending) != state.removing


def _recycling(state: PoolState) -> datetime | None:
    """When an operator last had them made anew; a pause keeps what there is."""
    return state.recycled_at if state.held == "pause" else state.recycle_at


def replicas_of(state: PoolState, targets: Targets) -> int:
    """Bound the placeholders, so that with the pool's runners they are never more than its max."""
    most = max(state.definition.max - len(state.jobs), 0)
    if state.held == "pause" and state.replicas is not None:
        return min(state.replicas, most)
    return min(targets.hot, most)


def kept(
    state: PoolState, asked: PlaceholderOrder, answer: PlaceholderFacts | Failure, now: datetime
) -> None:
    """Take in what the cluster has; a removal is over when no volume is on its way out."""
    state.keeping = False
    if isinstance(answer, Failure):
        state.replicas = None
        state.trouble = f"the placeholders are not kept: {answer.words}"
        state.keep_at = now + AGAIN
        return
    _doubt(state, answer, now)
    _free(state, answer)
    state.facts, state.kept_at, state.trouble = answer, now, answer.trouble
    state.keep_at = now + (AGAIN if asked.remove or state.let_go else LOOK_EVERY)
    state.removing, state.recycled_at = asked.remove, asked.recycled_at
    state.removed = asked.remove and not answer.leaving


def _doubt(state: PoolState, answer: PlaceholderFacts, now: datetime) -> None:
    """Lend no volume that a manager which was terminated may have lent.

    Whoever it was lent to has it mounted a while later, or never will.
    """
    if state.doubted_at is None:
        state.doubted_at = now
        state.doubted = sorted(set(answer.volumes) - set(answer.made))
    elif state.keep_begun_at and state.keep_begun_at - state.doubted_at >= state.adopted_after:
        state.doubted = [volume for volume in state.doubted if volume in answer.mounted]


def let_go(state: PoolState, volumes: Iterable[str], now: datetime) -> None:
    """Lend no volume again before the cluster has shown that no pod has it any more."""
    for volume in volumes:
        state.let_go[volume] = now
        state.keep_at = min(state.keep_at or now, now + AGAIN)


def _free(state: PoolState, answer: PlaceholderFacts) -> None:
    """Take in which volumes no pod has; it shows what was so when the look began."""
    shown_at = state.keep_begun_at

    def held(volume: str, since: datetime) -> bool:
        return shown_at is None or shown_at <= since or volume in answer.mounted

    state.let_go = {volume: at for volume, at in state.let_go.items() if held(volume, at)}


def wake_at(state: PoolState, now: datetime) -> datetime:
    """Return when to look again though nobody says anything."""
    return min((each for each in _moments(state, now) if each > now), default=now + LOOK_EVERY)


def _moments(state: PoolState, now: datetime) -> Iterator[datetime]:
    if state.keep_at is not None:
        yield state.keep_at
    if state.definition.ephemeral:
        yield lettings.idle_end(state, now)
    if look := sizing.next_look(state.definition, state.record, now):
        yield look
