"""Several orders at the same moment, and what each of them remembers."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from runs_fleet.errors import FleetError
from runs_fleet.models import Machine, MachineOrder, RunnerSpec
from runs_fleet.providers.ec2.batching import Pace
from runs_fleet.providers.ec2.provider import Ec2Provider
from tests.ec2.orders import order

# Longer than a loaded machine takes to start some threads.
TOGETHER = Pace(quiet=0.7, longest=10, patience=30)


class Notebook:
    """A diary for each order; a crash loses nothing of it, unless the notes are torn out."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.tries: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self._current = threading.local()

    def open(self, token: str) -> None:
        """Begin another try of an order, in this thread."""
        self._current.token = token
        self.tries[token] = self.tries.get(token, 0) + 1

    def read(self) -> str | None:
        if self.tries[self._current.token] == 1:
            return None
        return self.notes.get(self._current.token, "")

    def write(self, note: str) -> None:
        self.notes[self._current.token] = note

    def wanted(self) -> Callable[[], bool]:
        token = self._current.token
        return lambda: token not in self.cancelled


def many(count: int, *, repos: Sequence[str] = ("o/r",), spec: RunnerSpec | None = None) -> list[
    MachineOrder
]:  # fmt: skip
    """Write orders for the same machine."""
    return [order(repo=repos[number % len(repos)], spec=spec) for number in range(count)]


def create_all(
    provider: Ec2Provider, orders: Sequence[MachineOrder], notebook: Notebook | None = None
) -> list[Machine | FleetError]:
    """Create all at the same moment, each in a thread of its own."""

    def create(asked: MachineOrder) -> Machine | FleetError:
        if notebook is not None:
            notebook.open(asked.token)
        try:
            return provider.create(asked)
        except FleetError as error:
            return error

    with ThreadPoolExecutor(len(orders)) as threads:
        return list(threads.map(create, orders))


def machine_ids(answers: Sequence[Machine | FleetError]) -> list[str]:
    """Return the machines; all must be."""
    machines = [each for each in answers if isinstance(each, Machine)]
    assert len(machines) == len(answers), [each for each in answers if each not in machines]
    return [each.machine_id for each in machines]
