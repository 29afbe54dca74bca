"""Webhooks and what GitHub logs of their deliveries: models only."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from runs_fleet.models import Wire


class Hook(Wire):
    """Where GitHub logs the deliveries of one webhook: the App's own, or one more."""

    kind: Literal["app", "org", "repo"] = "app"
    target: str = ""
    hook_id: int | None = None

    @property
    def key(self) -> str:
        """Name it as the setting does."""
        return f"{self.kind}:{self.target}:{self.hook_id}" if self.target else self.kind


class Delivery(Wire):
    """One attempt to deliver one event; the attempts of an event share its `guid`."""

    delivery_id: int
    guid: str
    at: datetime
    ok: bool
    event: str
    action: str = ""


class DeliveryPage(Wire):
    """Some deliveries, newest first; `after` is the cursor of those that follow."""

    items: tuple[Delivery, ...]
    after: str | None = None


class FailedDelivery(Wire):
    """An event that no attempt has brought to us; `delivery_id` and `at` are of the newest."""

    delivery_id: int
    first_at: datetime
    at: datetime
    tries: int = 0
    asked_at: datetime | None = None


class Stretch(Wire):
    """A part of the list of deliveries that is yet to be read, down to a moment."""

    cursor: str
    until: datetime | None = None


class HookState(Wire):
    """What is known of one hook's deliveries; failed ones by the event's GUID."""

    seen_to: datetime | None = None
    unread: tuple[Stretch, ...] = ()
    failed: dict[str, FailedDelivery] = Field(default_factory=dict)


class HookReading(Wire):
    """Read on, from what is known, at most so many pages."""

    hook: Hook
    state: HookState
    now: datetime
    pages: int


class Redelivery(Wire):
    """Ask GitHub to deliver once more."""

    hook: Hook
    delivery_id: int
