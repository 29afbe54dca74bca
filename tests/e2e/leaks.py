"""Looks for secrets where they must not be, also inside payloads, in whole and in part."""

import base64
import re
from collections.abc import Iterable, Mapping

from runs_fleet import reports
from tests.e2e.fleet import Fleet

DATA = re.compile(r'"data":\s*"([^"]*)"')
PIECE, LONG = 40, 160


def secrets_of(fleet: Fleet) -> dict[str, list[str]]:
    """Collect everything secret that the world holds, by kind."""
    world, minted = fleet.world, fleet.github.minted()
    runners = [runner.name for runner in fleet.github.books(deliveries=False).runners]
    return {
        "JIT config": list(minted.jit_configs),
        "token": list(minted.tokens),
        "private key": fleet.github.key_file.read_text().splitlines()[1:-1],
        "webhook secret": list(fleet.github.webhook_secrets),
        "report secret": [world.report_secret],
        "report key": [reports.key(world.report_secret, runner) for runner in runners],
    }


async def places_of(fleet: Fleet) -> dict[str, str]:
    """Collect every text in which no secret may be: histories, logs, tags, parameter names."""
    places = {
        f"history of {found.id}": await _history(fleet, found.id)
        async for found in fleet.temporal.list_workflows()
    }
    for log in fleet.world.home.rglob("*.log"):
        places[str(log)] = log.read_text(errors="replace")
    for machine in fleet.aws.machines():
        places[f"tags of {machine.runner}"] = str(machine.tags)
    return places | {"parameter names": str(list(fleet.aws.books().parameters))}


def leaks(secrets: Mapping[str, Iterable[str]], places: Mapping[str, str]) -> list[str]:
    """Name each kind of secret and the place where some of it shows."""
    pieces = {
        kind: [p for secret in held for p in _pieces(secret)] for kind, held in secrets.items()
    }
    return [
        f"{kind} in {place}"
        for place, text in places.items()
        for kind, parts in pieces.items()
        if any(part in text for part in parts)
    ]


def plain(history: str) -> str:
    """Add what payloads say to a history in JSON, where they are in base64."""
    said = [base64.b64decode(found).decode(errors="replace") for found in DATA.findall(history)]
    return "\n".join([history, *said])


async def _history(fleet: Fleet, workflow_id: str) -> str:
    history = await fleet.temporal.get_workflow_handle(workflow_id).fetch_history()
    return plain(history.to_json())


def _pieces(secret: str) -> list[str]:
    """Cut pieces out of a long secret, as a log may quote only some of it."""
    if len(secret) < LONG:
        return [secret]
    quarter = len(secret) // 4
    return [secret[start : start + PIECE] for start in (quarter, 2 * quarter, 3 * quarter)]
