"""Trouble that calls to an API server can meet: which call, what happens, how often."""

import json
import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass
class Fault:
    """What befalls calls that match, each with the probability `share`, `times` times at most.

    answer       refused before any effect, with `status`
    lost_answer  takes effect, then the connection is reset
    delay        takes `seconds` longer
    """

    kind: Literal["answer", "lost_answer", "delay"]
    method: str = "*"
    path: str = "*"
    share: float = 1.0
    times: int | None = None
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0.0
    met: int = 0

    def befalls(self, method: str, path: str, draw: float) -> bool:
        """Tell whether a call meets this fault."""
        matches = fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        left = self.times is None or self.met < self.times
        return matches and left and draw < self.share


class Faults:
    """The faults in force; the first that befalls a call is the one it meets."""

    def __init__(self, seed: int = 1) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def add(self, fault: Fault) -> None:
        """Put one more in force."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let calls be well again."""
        self._faults.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """Find what a call meets."""
        for fault in self._faults:
            if fault.befalls(method, path, self._random.random()):
                fault.met += 1
                return fault
        return None


def refusal(fault: Fault) -> bytes:
    """Write the answer of an API server that refuses."""
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"simulated fault: {REASONS.get(fault.status, 'Unknown')}",
        "reason": REASONS.get(fault.status, ""),
        "code": fault.status,
    }
    if fault.retry_after is not None:
        said["details"] = {"retryAfterSeconds": fault.retry_after}
    body = json.dumps(said).encode()
    wait = f"Retry-After: {fault.retry_after}\r\n" if fault.retry_after is not None else ""
    head = (
        f"HTTP/1.1 {fault.status} {said['reason']}\r\nContent-Type: application/json\r\n"
        f"{wait}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
