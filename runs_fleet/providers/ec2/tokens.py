"""What was asked under each idempotency token, so that a repeat asks exactly the same."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

REMEMBERED = 1000


class Asked(NamedTuple):
    """A request, and whether its token was used before in this process."""

    request: dict[str, Any]
    repeated: bool


class Tokens:
    """Remember the last thousand tokens of this process.

    EC2 refuses a token that comes back with other parameters, and those change between two tries:
    sold-out offers are left out, and templates get new versions.
    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._requests: OrderedDict[str, dict[str, Any] | None] = OrderedDict()

    def ask(self, token: str, make: Callable[[], dict[str, Any]]) -> Asked:
        """Return the request still unanswered under this token, or a new one."""
        with self._lock:
            repeated = token in self._requests
            request = self._requests.get(token)
        request = request or make()
        self._remember(token, request)
        return Asked(request, repeated)

    def answered(self, token: str) -> None:
        """Forget the request, which may be long, but not that it was made."""
        self._remember(token, None)

    def _remember(self, token: str, request: dict[str, Any] | None) -> None:
        with self._lock:
            self._requests[token] = request
            self._requests.move_to_end(token)
            while len(self._requests) > self._most:
                self._requests.popitem(last=False)
