"""How a pool's member stands by: one long poll at a time, and a look into the store when called."""

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.host import Host
from agent.patience import Grumble, backoff
from runs_fleet.errors import FleetError, Refused
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig

# A call may be lost, and its sender's queue be late.
LOOK_EVERY = 3
# What was written just now may not be there to be read yet.
LOOKS_WHEN_CALLED = 5
# What the runner leaves of a registration, and of the jobs that it might have had.
LEFT = (".runner", ".credentials", ".credentials_rsaparams")
WORK = "_work"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """A runner's config has come; None when what came cannot be used."""

    config: RunnerConfig | None


@dataclass(frozen=True)
class Asked:
    """It was called, and there is no runner's config: its pool wants to know of it."""


class Standby:
    """Waits in a thread of its own until there is a config, which it tells, or until it is over."""

    def __init__(
        self,
        host: Host,
        config: StandbyConfig,
        *,
        tell: Callable[[Given | Asked], None],
        retry_least: float,
        retry_most: float,
    ) -> None:
        self._host, self._address, self._tell = host, config.wake, tell
        self._retry_least, self._retry_most = retry_least, retry_most
        self._over = threading.Event()
        threading.Thread(target=self._wait, name="standby", daemon=True).start()

    def end(self) -> None:
        """Tell nothing any more; a poll that is under way comes to its own end."""
        self._over.set()

    def _wait(self) -> None:
        grumble = Grumble(log, "cannot wait to be called")
        silent = 0
        delays = backoff(self._retry_least, self._retry_most)
        while not self._over.is_set():
            looks = 1
            try:
                called = self._host.called(self._address)
                delays = backoff(self._retry_least, self._retry_most)
            except FleetError as trouble:
                # Its queue may come later than the machine, or not at all: look by the clock.
                grumble.at(trouble)
                self._over.wait(next(delays))
            else:
                silent = 0 if called else silent + 1
                looks = LOOKS_WHEN_CALLED if called else int(silent % LOOK_EVERY == 0)
            if self._is_given(looks):
                return
            if looks > 1:
                self._tell(Asked())

    def _is_given(self, looks: int) -> bool:
        """Look for a runner's config, several times if called for it."""
        for number, delay in zip(range(looks), backoff(self._retry_least, 1.0), strict=False):
            if number and self._over.wait(delay):
                return False
            try:
                found = self._host.config()
            except Refused as error:
                log.error("config cannot be used", extra={"reason": str(error)})
                self._tell(Given(None))
                return True
            except FleetError as trouble:
                log.warning("config cannot be read yet", extra={"reason": str(trouble)})
                continue
            if isinstance(found, RunnerConfig):
                self._tell(Given(found))
                return True
        return False


def tidied(runner_dir: Path) -> bool:
    """Make a runner's directory as it was before the runner; tell whether that could be done."""
    try:
        for name in LEFT:
            (runner_dir / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(runner_dir / WORK)
    except OSError as error:
        log.error("runner's directory not tidied", extra={"reason": str(error)})
        return False
    return True
