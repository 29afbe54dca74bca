"""`runs-fleet market`: what is left out of orders, for how long, and how to have it forgotten."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from cli import pages
from cli.temporal import CALL_LIMIT, Trouble, run
from runs_fleet import market, names
from runs_fleet.market import MarketState, ResetRequest, ResetResult
from runs_fleet.models import Market, Mode
from workflows.market_watch import MarketWatch

NOBODY = "no worker has begun to watch the market; has one been started?"
SILENT = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


def show(*, as_json: bool, mode: Mode = "ec2") -> int:
    """Show what is remembered and still counts; returns the exit status."""
    return run(lambda client: viewed(client, mode), _write_json if as_json else _write_tables)


def reset(*, machine_type: str | None, way: Market | None, mode: Mode = "ec2") -> int:
    """Have all forgotten, or what is of one type or market; returns the exit status."""
    asked = ResetRequest(machine_type=machine_type, market=way)
    return run(lambda client: forgotten(client, mode, asked), _write_result)


async def viewed(client: Client, mode: Mode) -> MarketState:
    """Ask what is remembered, and leave out what is over. Raises Trouble."""
    handle = client.get_workflow_handle(names.market(mode))
    try:
        found = await handle.query(
            MarketWatch.view,
            reject_condition=QueryRejectCondition.NOT_OPEN,
            rpc_timeout=CALL_LIMIT,
        )
    except WorkflowQueryRejectedError as error:
        raise Trouble(NOBODY) from error
    except (RPCError, WorkflowQueryFailedError) as error:
        raise _trouble(error) from error
    return market.tidied(found, datetime.now(UTC))


async def forgotten(client: Client, mode: Mode, asked: ResetRequest) -> ResetResult:
    """Have it forgotten. Raises Trouble."""
    handle = client.get_workflow_handle(names.market(mode))
    try:
        return await handle.execute_update(MarketWatch.reset, asked, rpc_timeout=CALL_LIMIT)
    except WorkflowUpdateFailedError as error:
        raise Trouble(str(error.cause), status=1) from error
    except RPCError as error:
        raise _trouble(error) from error


def _trouble(error: RPCError | WorkflowQueryFailedError) -> Exception:
    if not isinstance(error, RPCError):
        return Trouble(f"the market's watch does not answer: {error}")
    if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
        return Trouble(NOBODY)
    if error.status in SILENT:
        return Trouble("no worker answers for the market's watch: is one running?")
    return error


def _write_json(state: MarketState) -> None:
    print(json.dumps(_as_dict(state, datetime.now(UTC))))  # noqa: T201 - for scripts: rich would wrap it


def _as_dict(state: MarketState, now: datetime) -> dict[str, Any]:
    told = state.model_dump(mode="json", include={"mode", "rules"})
    breakers = zip(state.breakers, state.model_dump(mode="json")["breakers"], strict=True)
    told["breakers"] = [
        {**dumped, "phase": market.phase(breaker, state.rules, now)} for breaker, dumped in breakers
    ]
    told["sold_out"] = [each.model_dump(mode="json") for each in state.shortages]
    return told


def _write_tables(state: MarketState) -> None:
    now, console = datetime.now(UTC), pages.console()
    if not (state.breakers or state.shortages):
        console.print("nothing is left out: no offer is sold out, no machine was taken away lately")
    for table in _tables(state, now):
        console.print(table)


def _tables(state: MarketState, now: datetime) -> Iterator[Table]:
    if state.breakers:
        made = Table("market", "type", "breaker", "losses", "last loss", "open for", "probe")
        for each in state.breakers:
            last = max((loss.at for loss in each.losses), default=None)
            made.add_row(
                each.market,
                each.machine_type,
                market.phase(each, state.rules, now),
                str(len(each.losses)),
                f"{pages.span(now - last)} ago" if last else "",
                _left(each.open_until, now),
                each.probe.holder if each.probe else "",
            )
        yield made
    if state.shortages:
        made = Table("market", "type", "zone", "sold out for")
        for full in state.shortages:
            made.add_row(full.market, full.machine_type, full.zone, _left(full.until, now))
        yield made


def _left(until: datetime | None, now: datetime) -> str:
    return pages.span(until - now) if until and until - now > timedelta(0) else ""


def _write_result(forgotten: ResetResult) -> None:
    pages.console().print(
        f"forgotten: {forgotten.shortages} sold-out offers, {forgotten.breakers} breakers;"
        " workers know within 10 seconds"
    )
