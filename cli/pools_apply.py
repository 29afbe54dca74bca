"""`runs-fleet pools apply`: the file is read whole, then each pool is told, then it is kept."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client

from cli import pages
from cli import pools_managers as managers
from cli.pools_lint import WRONG, complain, load
from cli.pools_managers import PoolId
from cli.pools_plan import Change, compared, write
from cli.temporal import Trouble, run
from runs_fleet.errors import FleetError
from runs_fleet.models import Mode
from runs_fleet.pool_stores import NEEDED
from runs_fleet.pools.file import BadPools, PoolsFile
from runs_fleet.pools.ports import PoolStore
from runs_fleet.pools.wire import PoolOperation, PoolSettings

GONE = "not in pools.yaml any more"
UNKEPT = (
    "pools of mode {mode} are kept by their managers only: set {needed} as workers have it, or give"
    " workers the file as RUNS_FLEET_POOLS\n"
)
T = TypeVar("T")
# Where definitions of a mode are kept, if anywhere.
Stores = Callable[[Mode], PoolStore | None]


def apply(path: Path, stores: Stores, *, prune: bool, by: str | None, as_json: bool) -> int:
    """Have pools be as a file says; returns the exit status."""
    try:
        wanted = load(path)
    except BadPools as error:
        complain(path, error.mistakes)
        return WRONG

    kept = Kept(stores)

    async def do(client: Client) -> list[Change]:
        return await applied(client, wanted, kept, prune=prune, by=managers.operator(by))

    def show(changes: Sequence[Change]) -> None:
        _write_json(changes) if as_json else _write(changes)
        for mode in kept.missing:
            sys.stderr.write(UNKEPT.format(mode=mode, needed=NEEDED[mode]))

    return run(do, show)


class Kept:
    """The stores of the modes that a file speaks of; each is read before it is written."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._open: dict[Mode, PoolStore | None] = {}

    def of(self, mode: Mode) -> PoolStore | None:
        """Open a mode's store, or find that there is none. Raises Trouble."""
        if mode not in self._open:
            self._open[mode] = store = _ask(lambda: self._stores(mode))
            # Whoever has not read it would overwrite what somebody else has just put there.
            _ask(store.load) if store else None
        return self._open[mode]

    @property
    def missing(self) -> list[Mode]:
        """The modes that have none."""
        return [mode for mode, store in self._open.items() if store is None]

    def put(self, settings: PoolSettings) -> None:
        """Keep a definition, where there is a store. Raises Trouble."""
        store = self.of(settings.definition.mode)
        if store is not None:
            _ask(lambda: store.put(settings.definition))

    def remove(self, pool: PoolId) -> None:
        """Forget a definition, where there is a store. Raises Trouble."""
        store = self.of(pool.mode)
        if store is not None:
            _ask(lambda: store.remove(pool.name))


async def applied(
    client: Client, wanted: PoolsFile, kept: Kept, *, prune: bool, by: str
) -> list[Change]:
    """Change what is to change, and say what that was. Raises Trouble.

    Nothing is changed when one pool would refuse. A pool hears first, because it may refuse still,
    and a refused definition is never kept.
    """
    for mode in {each.mode for each in wanted.pools}:
        kept.of(mode)
    changes = await compared(client, wanted, prune=prune)
    await _welcome(client, wanted, by)
    done: list[PoolId] = []
    for definition, change in zip(wanted.pools, changes, strict=False):
        settings = PoolSettings(definition=definition, by=by)
        try:
            if change.kind != "unchanged":
                await managers.configure(client, settings)
            kept.put(settings)
        except Trouble as trouble:
            raise _half(trouble, done) from trouble
        done.append(PoolId(definition.mode, definition.name))
    for change in changes:
        if change.kind == "removed":
            await _end(client, PoolId(change.mode, change.name), kept, by)
    return changes


async def _welcome(client: Client, wanted: PoolsFile, by: str) -> None:
    """Raise Trouble, with all that the pools refuse."""
    asked = [PoolSettings(definition=each, by=by) for each in wanted.pools]
    refusals = [said for each in asked if (said := await managers.refusal(client, each))]
    if refusals:
        words = "; ".join(refusals)
        raise Trouble(f"{words} (nothing was changed)", status=managers.REFUSED)


async def _end(client: Client, pool: PoolId, kept: Kept, by: str) -> None:
    # Forgotten first: a worker begins to keep whatever is in the store.
    kept.remove(pool)
    await managers.operate(client, pool, PoolOperation(kind="drain", by=by, reason=GONE))
    await managers.end(client, pool)


def _ask(call: Callable[[], T]) -> T:
    try:
        return call()
    except FleetError as error:
        raise Trouble(str(error)) from error


def _half(trouble: Trouble, done: Sequence[PoolId]) -> Trouble:
    told = ", ".join(str(each) for each in done) or "nothing"
    return Trouble(f"{trouble} (changed before that: {told})", status=trouble.status)


def _write(changes: Sequence[Change]) -> None:
    write(changes)
    pages.console().print("applied" if changes else "nothing to apply")


def _write_json(changes: Sequence[Change]) -> None:
    print(json.dumps([each.model_dump(mode="json") for each in changes]))  # noqa: T201 - for scripts: rich would wrap it
