"""Reads an API server's audit log: who asked for what, and when the answer was complete."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from runs_fleet import names
from simulator.kube.api import AGENT

# The control plane's own components all give such a name; watches are written down as they begin.
COMPONENTS = ("kube-", "etcd")
COMPLETE, BEGUN = "ResponseComplete", "ResponseStarted"
DONE = 300


class Call(NamedTuple):
    """One call; `at` is when it was answered, in Unix time, and `by` who made it."""

    at: float
    verb: str
    resource: str
    name: str
    by: str
    status: int

    @property
    def of_product(self) -> bool:
        """Whether runs-fleet made it."""
        return self.by != AGENT and not self.by.startswith(COMPONENTS)

    @property
    def owner(self) -> int | None:
        """The job that it is about."""
        found = names.owner(self.name)
        return found[0] if found else None


class AuditLog:
    """The calls to one namespace, read on from where the last reading ended."""

    def __init__(self, path: Path, namespace: str) -> None:
        self.calls: list[Call] = []
        self._namespace = namespace
        self._file = path.open("rb")
        self._rest = b""

    def read(self) -> list[Call]:
        """Read what has been added; returns all calls so far."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        self.calls += (call for line in lines if (call := parsed(line, self._namespace)))
        return self.calls

    def close(self) -> None:
        """Read no more."""
        self._file.close()


def parsed(line: bytes, namespace: str) -> Call | None:
    """Read one line; None when it is about something else, or about a call under way.

    https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
    """
    said: Mapping[str, Any] = json.loads(line)
    what: Mapping[str, str] = said.get("objectRef") or {}
    last = BEGUN if said["verb"] == "watch" else COMPLETE
    if said["stage"] != last or what.get("namespace") != namespace:
        return None
    return Call(
        at=datetime.fromisoformat(said["stageTimestamp"]).timestamp(),
        verb=said["verb"],
        resource=what["resource"],
        name=what.get("name", ""),
        by=said.get("userAgent", ""),
        status=said.get("responseStatus", {}).get("code", 0),
    )


def made(calls: Iterable[Call], resource: str) -> dict[int, float]:
    """Tell when the first object of a kind was there for each job, by the product's doing."""
    found: dict[int, float] = {}
    for call in calls:
        new = call.verb == "create" and call.resource == resource and call.status < DONE
        if new and call.of_product and call.owner is not None:
            found.setdefault(call.owner, call.at)
    return found


def removed(calls: Iterable[Call], *, since: float) -> set[tuple[str, str]]:
    """List the objects that were removed, whoever did it."""
    return {
        (call.resource, call.name)
        for call in calls
        if call.at >= since and call.verb == "delete" and call.status < DONE
    }


def ours(calls: Iterable[Call]) -> Counter[str]:
    """Count the product's calls by what they do."""
    return Counter(f"{call.verb} {call.resource}" for call in calls if call.of_product)
