"""A GitHub that posts signed deliveries to an application, and the door behind that."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from api.app import create_app
from api.delivery import signed
from tests.intake.doors import ScriptedDoor

PAYLOADS = Path(__file__).parents[1] / "github" / "payloads"
NEWEST, OLDER = "the-newest-secret", "the-older-secret"
ACK_LIMIT = 0.2


@dataclass
class Hook:
    """Delivers as GitHub does."""

    http: httpx.AsyncClient
    secret: str = NEWEST

    async def post(
        self, body: bytes, *, event: str = "workflow_job", **headers: str
    ) -> httpx.Response:
        """Post raw bytes, signed; a header given as "" is left out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        usual = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": "4d8ed510-a74e-11f1-9e4b-bb84feffa688",
            "x-hub-signature-256": signed(body, self.secret.encode()),
        }
        named = {name: value for name, value in (usual | named).items() if value}
        sent = httpx.Headers(named, encoding="latin-1")
        return await self.http.post("/webhook", content=body, headers=sent)

    async def send(self, payload: object, *, event: str = "workflow_job") -> httpx.Response:
        """Post a payload as JSON."""
        return await self.post(json.dumps(payload).encode(), event=event)


def example(name: str, **changes: Any) -> dict[str, Any]:
    """Read one of the example bodies, with a changed job."""
    payload: dict[str, Any] = json.loads((PAYLOADS / "synthetic" / f"{name}.json").read_text())
    payload["workflow_job"] |= changes
    return payload


@pytest.fixture
def door() -> ScriptedDoor:
    return ScriptedDoor()


@pytest_asyncio.fixture
async def http(door: ScriptedDoor) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(door, secrets=[SecretStr(NEWEST), SecretStr(OLDER)], ack_limit=ACK_LIMIT)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://fleet") as client:
        yield client


@pytest.fixture
def hook(http: httpx.AsyncClient) -> Hook:
    return Hook(http)
