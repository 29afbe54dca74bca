"""Which webhook deliveries never reached us, from the list that GitHub keeps; pure.

GitHub delivers once, and keeps what it delivered for three days, newest first:
https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from runs_fleet.hooks import Delivery, DeliveryPage, FailedDelivery, HookState, Stretch

WINDOW = timedelta(days=3)
# A delivery is listed once it has ended, which may take minutes while GitHub throttles.
OVERLAP = timedelta(minutes=5)
# A redelivery that was promised and is not seen for so long is asked for again.
UNHEARD = timedelta(minutes=10)
EVENT = "workflow_job"
MOST_FAILED = 500
MOST_UNREAD = 8

Fetch = Callable[[str], DeliveryPage]


class _Log:
    """Takes pages in, newest first; an event is well once any of its attempts was."""

    def __init__(self, failed: Mapping[str, FailedDelivery], horizon: datetime) -> None:
        self.failed = {guid: one for guid, one in failed.items() if one.first_at >= horizon}
        self.newest: datetime | None = None
        self._horizon = horizon
        self._well: set[str] = set()

    @property
    def full(self) -> bool:
        return len(self.failed) >= MOST_FAILED

    def fold(self, page: DeliveryPage, until: datetime | None) -> str | None:
        """Take one page in; returns the cursor to read on from, if there is more to read."""
        end = max(self._horizon, until or self._horizon)
        for item in page.items:
            if item.at < end:
                return None
            self.newest = max(item.at, self.newest or item.at)
            self._note(item)
        return page.after

    def _note(self, item: Delivery) -> None:
        if item.ok:
            self._well.add(item.guid)
            self.failed.pop(item.guid, None)
        elif item.event == EVENT and item.guid not in self._well:
            self.failed[item.guid] = _newest(self.failed.get(item.guid), item)


def _newest(known: FailedDelivery | None, item: Delivery) -> FailedDelivery:
    if known is None:
        return FailedDelivery(delivery_id=item.delivery_id, first_at=item.at, at=item.at)
    first = {"first_at": min(known.first_at, item.at)}
    if item.delivery_id <= known.delivery_id:
        return known.model_copy(update=first)
    newer = {"delivery_id": item.delivery_id, "at": item.at, "asked_at": None}
    return known.model_copy(update=first | newer)


def read(state: HookState, fetch: Fetch, *, now: datetime, pages: int) -> HookState:
    """Read what is new, then what earlier runs had no time for, and remember what failed.

    What does not fit into this run is left to the next: nothing within the window is skipped.
    """
    log, unread = _Log(state.failed, now - WINDOW), list[Stretch]()
    until = state.seen_to and state.seen_to - OVERLAP
    for stretch in (Stretch(cursor="", until=until), *state.unread):
        cursor: str | None = stretch.cursor
        while cursor is not None and pages and not log.full:
            pages -= 1
            cursor = log.fold(fetch(cursor), stretch.until)
        if cursor:
            unread.append(stretch.model_copy(update={"cursor": cursor}))
    seen = [at for at in (state.seen_to, log.newest) if at]
    return HookState(seen_to=max(seen, default=None), unread=_few(unread), failed=log.failed)


def _few(unread: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Make one of the oldest stretches, with what is between them, when there are many."""
    kept, rest = unread[: MOST_UNREAD - 1], unread[MOST_UNREAD - 1 :]
    if not rest:
        return tuple(kept)
    return (*kept, Stretch(cursor=rest[0].cursor, until=rest[-1].until))


def due(state: HookState, *, now: datetime, settle: timedelta, most: int) -> list[str]:
    """Choose the events to ask for: the least tried, and of these the oldest, come first.

    Otherwise a handful of events that we shall always refuse would keep all others waiting.
    """
    ripe = [guid for guid, one in state.failed.items() if _ripe(one, now, settle)]
    return sorted(ripe, key=lambda guid: (state.failed[guid].tries, state.failed[guid].first_at))[
        :most
    ]


def _ripe(one: FailedDelivery, now: datetime, settle: timedelta) -> bool:
    return one.at <= now - settle if one.asked_at is None else one.asked_at <= now - UNHEARD


def asked(state: HookState, guids: list[str], now: datetime) -> HookState:
    """Remember that these were asked for; they stay until an attempt is seen that went well."""
    again = {
        guid: state.failed[guid].model_copy(
            update={"asked_at": now, "tries": state.failed[guid].tries + 1}
        )
        for guid in guids
    }
    return state.model_copy(update={"failed": state.failed | again})


def forgotten(state: HookState, guids: list[str]) -> HookState:
    """Give up what GitHub has forgotten."""
    left = {guid: one for guid, one in state.failed.items() if guid not in guids}
    return state.model_copy(update={"failed": left})
