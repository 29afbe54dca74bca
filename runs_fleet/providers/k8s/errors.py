"""What the Kubernetes API's answers mean to the caller, in one place.

https://kubernetes.io/docs/reference/using-api/api-concepts/#http-status-codes
"""

import json
import random
from collections.abc import Mapping
from typing import Any

from runs_fleet.errors import FleetError, NoCapacity, NotThere, RateLimited, Refused, Unavailable

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE = 401, 403, 404, 409, 410
TIMEOUT, TOO_MANY, FIRST_SERVER_STATUS = 408, 429, 500
ALREADY_EXISTS = "AlreadyExists"
# The words of the quota admission plugin; its reason is the same Forbidden as RBAC's.
QUOTA = "exceeded quota"
# These repeat the values that they reject.
QUOTING = frozenset({400, 422})
AGAIN_AFTER = 1.0
JITTER = 2.0
MOST_TEXT = 500


class Conflict(FleetError):
    """Somebody else has changed, or made, the object meanwhile: read it again."""


class Taken(Conflict):
    """An object of this name is there already."""


class Expired(FleetError):
    """The server does not remember so far back: list again."""


def verdict(
    status: int, body: bytes, what: str, *, headers: Mapping[str, str], quote: bool = True
) -> FleetError:
    """Turn an answer into the one thing its caller needs to know.

    `quote` false keeps out what may repeat a rejected value.
    """
    answer = _read(body)
    reason = str(answer.get("reason", ""))
    said = str(answer.get("message", "")) if quote or status not in QUOTING else ""
    text = f"{what}: {status} {reason}: {said[:MOST_TEXT]}".rstrip(": ")
    if status == TOO_MANY:
        return RateLimited(text, after=_pause(headers))
    if status in (UNAUTHORIZED, TIMEOUT) or status >= FIRST_SERVER_STATUS:
        # Credentials that ran out are renewed, by the client or by whoever gave them.
        return Unavailable(text)
    if status == FORBIDDEN:
        return NoCapacity(text) if QUOTA in said else Refused(text, forbidden=True)
    if status == CONFLICT:
        return Taken(text) if reason == ALREADY_EXISTS else Conflict(text)
    known: dict[int, type[FleetError]] = {NOT_FOUND: NotThere, GONE: Expired}
    return known.get(status, Refused)(text)


def _read(body: bytes) -> dict[str, Any]:
    """Read a Status object; what stands before the API server answers in its own way."""
    try:
        found = json.loads(body)
    except ValueError:
        return {"message": body[:MOST_TEXT].decode(errors="replace")}
    return found if isinstance(found, dict) else {}


def _pause(headers: Mapping[str, str]) -> float:
    """Wait as long as asked, and not all at the same moment again.

    https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
    """
    try:
        asked = float(headers.get("Retry-After", AGAIN_AFTER))
    except ValueError:
        asked = AGAIN_AFTER
    return asked + random.uniform(0, JITTER)
