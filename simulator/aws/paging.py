"""Pages of a list, as EC2 gives them out."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from simulator.aws.errors import AwsError

Item = TypeVar("Item")


def page(
    items: Sequence[Item], *, most: int, token: str | None
) -> tuple[Sequence[Item], str | None]:
    """Return one page and the token of the next, None after the last."""
    start = _offset(token)
    end = start + most
    after = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[start:end], after


def _offset(token: str | None) -> int:
    try:
        return int(base64.b64decode(token or "MA=="))
    except ValueError:
        raise AwsError("InvalidNextToken", "The token provided is invalid") from None
