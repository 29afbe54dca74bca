"""Registrations: their ids, names and ends."""

import random
import uuid

from simulator.github.entities import Runner
from simulator.github.timers import Clock


class NameTaken(Exception):
    """A runner of this name exists in the same scope."""


class Registry:
    """Every runner ever registered; names are unique per scope, without case."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self.ever: list[Runner] = []
        self.alive: dict[int, Runner] = {}
        self.online: dict[int, Runner] = {}
        self._names: dict[tuple[str, str], Runner] = {}
        self._clients: dict[str, Runner] = {}
        self._last_id = rng.randrange(100, 10_000)

    def next_id(self) -> int:
        """Give the next runner id; somebody else's runners use some too."""
        self._last_id += 1
        return self._last_id

    def register(
        self, name: str, scope: str, *, labels: tuple[str, ...], group_id: int, work_folder: str
    ) -> Runner:
        """Register a runner with exactly these labels, in lower case. Raises NameTaken."""
        key = (scope.lower(), name.lower())
        if key in self._names:
            raise NameTaken(name)
        kept = tuple(dict.fromkeys(label.lower() for label in labels))
        client = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        number, now = self.next_id(), self._clock()
        runner = Runner(number, name, scope, kept, group_id, client, now, work_folder)
        self.ever.append(runner)
        self.alive[number] = self._names[key] = self._clients[client] = runner
        return runner

    def remove(self, runner: Runner, how: str) -> None:
        """End a registration; its listener's credentials are worth nothing afterwards."""
        self.alive.pop(runner.id, None)
        self.online.pop(runner.id, None)
        self._names.pop((runner.scope.lower(), runner.name.lower()), None)
        runner.removed_at, runner.removed_how = self._clock(), how

    def by_client(self, client_id: str) -> Runner | None:
        """Find whose credentials these are, gone or not."""
        return self._clients.get(client_id)

    def by_name(self, name: str) -> Runner | None:
        """Find a living runner of any scope."""
        found = (runner for (_, key), runner in self._names.items() if key == name.lower())
        return next(found, None)

    def of(self, scope: str) -> list[Runner]:
        """List the living runners of one scope, oldest first."""
        return [r for r in self.alive.values() if r.scope.lower() == scope.lower()]
