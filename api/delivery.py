"""From an HTTP request to a body that GitHub has signed."""

import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

# GitHub's bodies of jobs are 7 to 12 KB; it sends none above 25 MB.
MOST_BYTES = 2 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class TurnedAway(Exception):
    """The request ends here, with this status; `result` is a word to count by."""

    def __init__(self, status: int, result: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.result, self.reason = status, result, reason


async def signed_body(request: Request, keys: Sequence[bytes]) -> bytes:
    """Return the JSON of a delivery, or raise TurnedAway; nothing unsigned is looked into.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    raw = await _read(request)
    if not is_signed(raw, request.headers.get("x-hub-signature-256", ""), keys):
        raise TurnedAway(401, "unsigned", "X-Hub-Signature-256 is missing or does not fit")
    return _json(raw, request.headers.get("content-type", JSON))


def is_signed(raw: bytes, signature: str, keys: Sequence[bytes]) -> bool:
    """Tell whether one of the keys made the signature; while keys rotate there are several."""
    given = signature.encode("latin-1", "replace")
    return any([hmac.compare_digest(signed(raw, key).encode(), given) for key in keys])


def signed(raw: bytes, key: bytes) -> str:
    """Write the signature as GitHub does."""
    return "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest()


async def _read(request: Request) -> bytes:
    """Read no more than is allowed, whatever Content-Length promises."""
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MOST_BYTES:
                raise TurnedAway(413, "too_large", f"the body is above {MOST_BYTES} bytes")
    except ClientDisconnect:
        raise TurnedAway(400, "cut_off", "the body did not come whole") from None
    return bytes(raw)


def _json(raw: bytes, content_type: str) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        return raw
    if kind != FORM:
        raise TurnedAway(415, "media_type", f"the content type must be {JSON} or {FORM}")
    try:
        return parse_qs(raw, max_num_fields=10)[b"payload"][0]
    except (KeyError, ValueError):
        raise TurnedAway(400, "malformed", "the form has no field 'payload'") from None
