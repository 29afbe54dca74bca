"""Definitions of pools, as tests need them."""

from datetime import UTC, datetime, time
from typing import Any

from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Day, PoolDefinition, Schedule, Targets, Window

DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def pool(**fields: Any) -> PoolDefinition:
    """A pool that is right, but for what a test says."""
    return PoolDefinition(
        **{"name": "default", "mode": "ec2", "spec": RunnerSpec(), "max": 50, **fields}
    )


def scheduled(*windows: Window, zone: str = "UTC", **fields: Any) -> PoolDefinition:
    """A pool of one hot machine, with a schedule."""
    schedule = Schedule(time_zone=zone, windows=windows, overrides=fields.pop("overrides", ()))
    return pool(targets=Targets(hot=1), schedule=schedule, **fields)


def window(start: str, end: str, *, hot: int = 5, days: tuple[Day, ...] = DAYS) -> Window:
    """A window of so many hot machines."""
    begins, ends = time.fromisoformat(start), time.fromisoformat(end)
    return Window(days=days, start=begins, end=ends, targets=Targets(hot=hot))


def at(text: str) -> datetime:
    """A moment, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
