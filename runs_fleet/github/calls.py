"""One REST call, and what its answer means; nothing here does I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from runs_fleet.errors import (
    FleetError,
    NameTaken,
    NotThere,
    RateLimited,
    Refused,
    RunnerBusy,
    Unavailable,
)
from runs_fleet.github.gate import EVERYTHING
from runs_fleet.redaction import redact

Answer = TypeVar("Answer", bound=BaseModel)
REGISTER = "/actions/runners/generate-jitconfig"
LONGEST_QUOTE = 300
LONGEST_PAUSE = 3900.0
PAUSE = 60.0


@dataclass(frozen=True)
class Call:
    """A call by its route's template, whose names `where` fills in."""

    method: str
    route: str
    where: Mapping[str, str | int] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = None

    @property
    def path(self) -> str:
        """The path with everything filled in; a repository keeps its slash."""
        return self.route.format_map({k: quote(str(v), safe="/") for k, v in self.where.items()})

    @property
    def bucket(self) -> str:
        """The primary rate limit that pays for the call."""
        return "actions_runner_registration" if self.route.endswith(REGISTER) else "core"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read(model: type[Answer], response: httpx.Response, call: Call) -> Answer:
    """Read a success, or raise Unavailable without a word of the body, which may be secret."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"])) for e in error.errors()})
    raise Unavailable(f"{call}: GitHub's answer does not fit at {places}")


# What a re-run is told before its run is over: the same request will do later.
STILL_RUNNING = "already running"


def verdict(call: Call, response: httpx.Response, *, now: float) -> FleetError:
    """Turn an answer that is no success into the one thing the caller needs to know."""
    said = _message(response)
    text = f"{call}: GitHub answered {response.status_code}" + (f": {said}" if said else "")
    if _is_rate_limit(response, said):
        return RateLimited(text, after=_pause(response, now))
    if response.status_code == httpx.codes.CONFLICT and call.route.endswith(REGISTER):
        return NameTaken(text)
    if response.status_code == httpx.codes.NOT_FOUND:
        return NotThere(text)
    if "currently running a job" in said.lower():
        return RunnerBusy(text)
    if STILL_RUNNING in said.lower():
        return Unavailable(text)
    hopeless = response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT
    forbidden = response.status_code == httpx.codes.FORBIDDEN
    return Refused(text, forbidden=forbidden) if hopeless else Unavailable(text)


def limited_bucket(call: Call, response: httpx.Response) -> str:
    """Return which calls a rate limit is about."""
    return call.bucket if response.headers.get("x-ratelimit-remaining") == "0" else EVERYTHING


def _is_rate_limit(response: httpx.Response, said: str) -> bool:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return True
    return response.status_code == httpx.codes.FORBIDDEN and (
        "retry-after" in response.headers
        or response.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in said.lower()
    )


def _pause(response: httpx.Response, now: float) -> float:
    # https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
    after = _number(response, "retry-after")
    if after is None and response.headers.get("x-ratelimit-remaining") == "0":
        reset = _number(response, "x-ratelimit-reset")
        after = None if reset is None else reset - now + 1
    return min(max(PAUSE if after is None else after, 1.0), LONGEST_PAUSE)


def _number(response: httpx.Response, header: str) -> float | None:
    text = response.headers.get(header, "")
    return float(text) if text.isdecimal() else None


def _message(response: httpx.Response) -> str:
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    return redact(message)[:LONGEST_QUOTE] if isinstance(message, str) else ""
