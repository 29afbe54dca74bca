"""GitHub's deliveries: check, decide, hand over, and only then acknowledge."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse

from api.delivery import TurnedAway, signed_body
from api.metrics import Metrics
from intake.door import Ack, Door
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.github import events
from runs_fleet.github.events import BadPayload, Decision, Ignored, JobQueued

# GitHub gives up after ten seconds:
# https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
ACK_LIMIT = 8.0
RETRY_AFTER = {"Retry-After": "30"}
HANDED_OVER = frozenset({"started", "refused", "known", "signalled", "spooled"})

log = logging.getLogger(__name__)


class Webhook:
    """The endpoint of one GitHub App; `keys` are its secrets, the newest first.

    Answers 2xx once Temporal or the spool has the delivery, or it needs nothing, 4xx if it can
    never be taken, and 503 if it should come again; GitHub does not repeat by itself, but lists it
    as failed.
    """

    def __init__(
        self, door: Door, metrics: Metrics, *, keys: Sequence[bytes], limit: float = ACK_LIMIT
    ) -> None:
        self._door, self._metrics = door, metrics
        self._keys, self._limit = tuple(keys), limit

    async def receive(self, request: Request) -> JSONResponse:
        """Take one delivery."""
        began = time.monotonic()
        delivery = _Delivery(request)
        try:
            async with asyncio.timeout(self._limit):
                response, result = _acknowledged(await self._take(request, delivery))
        except TimeoutError:
            late = TurnedAway(503, "unavailable", f"not done within {self._limit:g} seconds")
            response, result = _turned_away(late, delivery)
        except TurnedAway as error:
            response, result = _turned_away(error, delivery)
        self._metrics.delivered(
            delivery.event, delivery.action, result=result, seconds=time.monotonic() - began
        )
        return response

    async def _take(self, request: Request, delivery: "_Delivery") -> Ack:
        body = await signed_body(request, self._keys)
        try:
            decision = delivery.decide(body)
            return await self._hand_over(decision)
        except BadPayload as error:
            status = 400 if error.syntax else 422
            raise TurnedAway(status, "malformed", str(error)) from None
        except Refused as error:
            raise TurnedAway(422, "not_accepted", str(error)) from error
        except Unavailable as error:
            raise TurnedAway(503, "unavailable", str(error)) from error

    async def _hand_over(self, decision: Decision) -> Ack:
        if isinstance(decision, Ignored):
            self._metrics.ignored(decision.reason)
            return Ack(result="ignored", job=decision.job_id, reason=decision.reason)
        if isinstance(decision, JobQueued):
            return await self._door.queued(decision)
        return await self._door.moved(decision)


class _Delivery:
    """What the headers say of a request, and later its body."""

    def __init__(self, request: Request) -> None:
        self.event = request.headers.get("x-github-event", "")
        self.guid = ascii(request.headers.get("x-github-delivery", ""))[1:-1][:100]
        self.action = ""

    def decide(self, body: bytes) -> Decision:
        """Decide what a signed body asks for."""
        if not self.event:
            raise BadPayload("X-GitHub-Event is missing", syntax=True)
        self.action = events.action(body)
        return events.read(self.event, body, delivery=self.guid, received_at=datetime.now(UTC))


def _acknowledged(ack: Ack) -> tuple[JSONResponse, str]:
    status = 202 if ack.result in HANDED_OVER else 200
    return JSONResponse(ack.model_dump(), status), ack.result


def _turned_away(error: TurnedAway, delivery: _Delivery) -> tuple[JSONResponse, str]:
    facts = {"github_event": delivery.event, "delivery": delivery.guid, "reason": error.reason}
    log.warning("delivery turned away", extra={"status": error.status, **facts})
    headers = RETRY_AFTER if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    content = {"result": error.result, "job": None, "reason": error.reason}
    return JSONResponse(content, error.status, headers), error.result
