"""How a lifecycle of the model goes on: it yields when to look up, and is gone on with."""

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, Protocol

from runs_fleet.ledger import Ledger
from runs_fleet.runner import Runner
from tests.model.calls import Call, Limits
from tests.model.clock import Clock
from tests.model.outside import Outside

Turns = Generator[datetime | None, None, None]


class Cancelled(Exception):
    """An operator cancelled the lifecycle."""


class Living(Protocol):
    """A lifecycle, as its parts see it."""

    ledger: Ledger
    outside: Outside
    clock: Clock
    log: Callable[..., None]

    def call(self, perform: Callable[[], Any], limits: Limits) -> Call: ...

    def settled(self, call: Call, unneeded: Callable[[], bool] = ...) -> Turns: ...

    def later(self) -> None: ...

    def begin_mint(self, runner: Runner) -> None: ...
