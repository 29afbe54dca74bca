"""A pool's calls to the outside: begun side by side, and taken in when each has ended."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.pools import PoolActivities
    from runs_fleet.pools import membership, placeholders, surveys
    from runs_fleet.pools.orders import Calls
    from runs_fleet.pools.state import PoolState
    from runs_fleet.pools.wire import MemberOrder, PlaceholderOrder
    from workflows import options
    from workflows.answers import Handle, answer

# What to make of a value or a verdict.
Fold = Callable[[PoolState, Any, datetime], None]


class Call(NamedTuple):
    """One call that is under way."""

    handle: Handle
    fold: Fold


class PoolCalls:
    """The calls of one pool that are under way."""

    def __init__(self) -> None:
        self._under_way: list[Call] = []

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def any_done(self) -> bool:
        """Whether one has ended that was not taken in."""
        return any(call.handle.done() for call in self._under_way)

    def take_in(self, state: PoolState, now: datetime) -> None:
        """Fold in how calls ended, if any has."""
        done = [call for call in self._under_way if call.handle.done()]
        self._under_way = [call for call in self._under_way if not call.handle.done()]
        for call in done:
            call.fold(state, answer(call.handle).told, now)

    def begin(self, asked: Calls) -> None:
        """Begin all that is asked for."""
        for order in (*(launch.order for launch in asked.launches), *asked.again):
            self._launch(order)
        for registration in asked.registrations:
            self._member(
                PoolActivities.register_member,
                registration,
                membership.registered,
                options.REGISTER,
            )
        for stop in asked.stops:
            self._member(PoolActivities.stop_member, stop, membership.stopped, options.RELEASE)
        for release in asked.releases:
            self._member(
                PoolActivities.release_member, release, membership.released, options.RELEASE
            )
        if asked.survey is not None:
            survey = workflow.start_activity_method(
                PoolActivities.survey_pool, asked.survey, summary="what is there?", **options.LOOK
            )
            self._under_way.append(Call(survey, surveys.surveyed))
        if asked.keep is not None:
            self._keep(asked.keep)

    def _launch(self, order: MemberOrder) -> None:
        handle = workflow.start_activity_method(
            PoolActivities.launch_member, order, summary=order.member, **options.CREATE
        )
        self._under_way.append(Call(handle, partial(_named, membership.launched, order.member)))

    def _member(self, method: Any, wanted: Any, fold: Any, how: options.Options) -> None:
        handle = workflow.start_activity_method(method, wanted, summary=wanted.member, **how)
        self._under_way.append(Call(handle, partial(_named, fold, wanted.member)))

    def _keep(self, order: PlaceholderOrder) -> None:
        handle = workflow.start_activity_method(
            PoolActivities.keep_placeholders,
            order,
            summary=f"{order.replicas} placeholders",
            **options.LOOK,
        )

        def fold(state: PoolState, told: Any, now: datetime) -> None:
            placeholders.kept(state, order, told, now)

        self._under_way.append(Call(handle, fold))


def _named(fold: Any, name: str, state: PoolState, told: Any, now: datetime) -> None:
    fold(state, name, told, now)
