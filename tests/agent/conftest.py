"""An agent on a machine in memory, with a real run.sh."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.endings import Ending
from agent.life import Agent, Pace
from tests.agent import scripts
from tests.agent.fakes import PATIENCE, MemoryHost, MemoryOutbox, runner_config

QUICK = Pace(
    config_timeout=30,
    stop_grace=30,
    wind_up=30,
    poll_least=0.01,
    poll_most=0.02,
    notice_every=0.02,
    report_retry=0.02,
    report_drain=30,
    end_retry=0.02,
    end_timeout=30,
)


class Machine:
    """One agent and the memory that it lives on."""

    def __init__(self, runner_dir: Path) -> None:
        self.host = MemoryHost()
        self.outbox = MemoryOutbox()
        self.runner_dir = runner_dir
        self.environ = dict(os.environ)
        self.pace = QUICK
        self.ending: Ending | None = None
        self._agent: Agent | None = None
        self._thread = threading.Thread(target=self._live)

    def install(self, body: str) -> None:
        scripts.install(self.runner_dir, body)

    def give_config(self, *, idle_limit: float = 60, max_runtime: float = 60) -> None:
        self.host.given = runner_config(idle_limit=idle_limit, max_runtime=max_runtime)

    def be_quick(self, **seconds: float) -> None:
        self.pace = replace(self.pace, **seconds)

    def agent(self) -> Agent:
        return Agent(
            self.host,
            self.outbox.at,
            runner_dir=self.runner_dir,
            environ=self.environ,
            pace=self.pace,
        )

    def boot(self) -> None:
        self._agent = self.agent()
        self._thread.start()

    def terminate(self) -> None:
        assert self._agent
        self._agent.terminate()

    def wait(self) -> list[str]:
        """Wait for the agent's end, and tell what it reported."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), f"the agent goes on after {self.outbox.story()}"
        return self.outbox.story()

    def live(self, body: str) -> list[str]:
        """Live a whole life with this run.sh and a config that is there from the start."""
        self.install(body)
        self.host.given = self.host.given or runner_config()
        self.boot()
        return self.wait()

    def _live(self) -> None:
        assert self._agent
        self.ending = self._agent.run()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    # Whoever still waits to be called is let go.
    made.host.call(heard=False)
    assert made.host.ended == 1, "a test left a machine running"
