"""`runs-fleet pools drain|pause|resume|recycle|resize`: done by hand, and written down who did."""

from collections.abc import Sequence
from typing import Any, get_args

from temporalio.client import Client

from cli import pages
from cli import pools_managers as managers
from cli.pools_managers import PoolId
from cli.pools_plan import told
from cli.temporal import Trouble, run
from runs_fleet.models import Mode
from runs_fleet.pools.definition import Tier
from runs_fleet.pools.mistakes import meant
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation

TIERS: tuple[Tier, ...] = get_args(Tier)


def operate(name: str, mode: Mode | None, **asked: Any) -> int:
    """Do something to a pool; returns the exit status."""

    async def do(client: Client) -> PoolStatus:
        operation = PoolOperation(**{**asked, "by": managers.operator(asked["by"])})
        return await operated(client, name, mode, operation)

    return run(do, _write)


def resize(
    name: str, mode: Mode | None, targets: Sequence[str], *, by: str | None, reason: str
) -> int:
    """Have a pool keep other targets; returns the exit status."""

    async def do(client: Client) -> PoolStatus:
        operation = PoolOperation(
            kind="resize", by=managers.operator(by), reason=reason, targets=read(targets)
        )
        return await operated(client, name, mode, operation)

    return run(do, _write)


async def operated(
    client: Client, name: str, mode: Mode | None, operation: PoolOperation
) -> PoolStatus:
    """Do it to the one pool of this name. Raises Trouble."""
    pool = await managers.found(client, name, mode)
    return await managers.operate(client, PoolId(pool.definition.mode, name), operation)


def read(targets: Sequence[str]) -> dict[Tier, int]:
    """Read `hot=3 stopped=2`. Raises Trouble."""
    return dict(_target(text) for text in targets)


def _target(text: str) -> tuple[Tier, int]:
    word, _, number = text.partition("=")
    tier = next((each for each in TIERS if each == word), None)
    if tier is None:
        known = ", ".join(TIERS)
        raise Trouble(f"unknown tier {word!r}{meant(word, TIERS)}; known: {known}")
    if not number.isdecimal():
        raise Trouble(f"{text!r} is no target; write it as {tier}=3")
    return tier, int(number)


def _write(status: PoolStatus) -> None:
    definition = status.definition
    console = pages.console()
    console.print(
        f"pool {definition.name} ({definition.mode}) is {status.word}: free members to keep:"
        f" {told(status.targets)}",
        markup=False,
    )
    for reason in status.reasons:
        console.print(f"  {reason}", markup=False)
