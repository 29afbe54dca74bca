"""The books as they are written, call by call."""

import time
from collections import Counter, defaultdict
from threading import Lock

from simulator.aws.fleets import instance_tags
from simulator.aws.models import Books, FleetCall, Parameter, QueueDepth
from simulator.aws.owners import runners
from simulator.aws.wire import Call


class Ledger:
    """Counts calls and keeps what is worth knowing of them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._fleets: list[FleetCall] = []

    def arrived(self, call: Call) -> FleetCall | None:
        """Count a call; one to CreateFleet gets an entry of its own, to be completed."""
        now = time.time()
        with self._lock:
            self._calls[call.action][call.app] += 1
            if call.action != "CreateFleet":
                return None
            token = str(call.params.get("ClientToken", ""))
            made_for = runners(instance_tags(call.params))
            entry = FleetCall(token=token, runners=made_for, app=call.app, arrived=now)
            self._fleets.append(entry)
            return entry

    def books(self, *, parameters: dict[str, Parameter], queues: dict[str, QueueDepth]) -> Books:
        """Close the books as they stand."""
        with self._lock:
            return Books(
                calls={action: dict(by_app) for action, by_app in self._calls.items()},
                fleets=list(self._fleets),
                parameters=parameters,
                queues=queues,
            )
