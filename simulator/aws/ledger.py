"""The books as they are written, call by call."""

import time
from collections import Counter, defaultdict
from threading import Lock

from simulator.aws.account import Account
from simulator.aws.models import Books, FleetCall, Parameter
from simulator.aws.wire import Call


class Ledger:
    """Counts calls and keeps what is worth knowing of them; never a value or a body."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = Lock()
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._fleets: list[FleetCall] = []
        self._parameters: defaultdict[str, Parameter] = defaultdict(Parameter)

    def arrived(self, call: Call) -> FleetCall | None:
        """Count a call; one to CreateFleet gets an entry of its own, to be completed."""
        now = time.time()
        with self._lock:
            self._calls[call.action][call.app] += 1
            if call.action != "CreateFleet":
                return None
            token = str(call.params.get("ClientToken", ""))
            entry = FleetCall(token=token, app=call.app, arrived=now)
            self._fleets.append(entry)
            return entry

    def parameter(self, call: Call, *, status: int) -> None:
        """Note what was done to a parameter."""
        deed = {
            "PutParameter": "written",
            "GetParameter": "read",
            "DeleteParameter": "deleted",
        }.get(call.action)
        if deed is None or status != 200:  # noqa: PLR2004
            return
        with self._lock:
            entry = self._parameters[call.params["Name"]]
            setattr(entry, deed, getattr(entry, deed) + 1)

    def books(self) -> Books:
        """Close the books as they stand."""
        there = self._account.parameters()
        depths = self._account.depths()
        with self._lock:
            return Books(
                calls={action: dict(by_app) for action, by_app in self._calls.items()},
                fleets=list(self._fleets),
                parameters={
                    name: entry.model_copy(update={"there": name in there})
                    for name, entry in self._parameters.items()
                },
                queues=depths,
            )
