"""Reports on their way out: nothing that happens to them ever holds up the runner."""

import contextlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from agent.patience import Grumble, backoff
from agent.watch import Say
from runs_fleet import reports
from runs_fleet.errors import FleetError
from runs_fleet.models import RunnerReport
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import Outbox, RunnerConfig

WAITING_LIMIT = 64
TEXT_LIMIT = 1_000

log = logging.getLogger(__name__)


class Reporter:
    """Sends the reports of a runner or a pool's member in their order, from a thread of its own.

    A report is tried until the queue takes it. `say` never waits and never raises; `drain`
    waits, with a limit.
    """

    def __init__(
        self,
        outbox: Callable[[str], Outbox],
        config: RunnerConfig | StandbyConfig,
        *,
        machine_id: str,
        retry_most: float = 5.0,
    ) -> None:
        self._make_outbox = outbox
        self._config = config
        self._name, self._series = _named(config)
        self._machine_id = machine_id
        self._retry_most = retry_most
        self._said = 0
        self._over = threading.Event()
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING_LIMIT)
        self._thread = threading.Thread(target=self._send_all, name="reports", daemon=True)
        self._thread.start()

    def say(self, said: Say) -> None:
        """Hand a report over; a repeat of its sending bears the same key."""
        self._said += 1
        try:
            self._waiting.put_nowait((self._sealed(said), f"{self._series}-{self._said}"))
        except queue.Full:
            log.error("report dropped, too many wait", extra={"kind": said.kind})

    def drain(self, within: float) -> bool:
        """Tell whether everything was sent; nothing can be said afterwards."""
        give_up = time.monotonic() + within
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=within)
            self._thread.join(max(give_up - time.monotonic(), 0))
        drained = not self._thread.is_alive()
        self._over.set()
        return drained

    @cached_property
    def _outbox(self) -> Outbox:
        return self._make_outbox(self._config.reports)

    def _sealed(self, said: Say) -> str:
        report = RunnerReport(
            runner=self._name,
            kind=said.kind,
            at=datetime.now(UTC),
            machine_id=self._machine_id,
            job=said.job[:TEXT_LIMIT],
            outcome=said.outcome,
            detail=said.detail[:TEXT_LIMIT],
        )
        return reports.seal(report, runner_key=self._config.report_key)

    def _send_all(self) -> None:
        while not self._over.is_set() and (message := self._waiting.get()):
            self._send(*message)

    def _send(self, body: str, key: str) -> None:
        grumble = Grumble(log, "report not sent yet")
        for delay in backoff(0.2, self._retry_most):
            try:
                # A group of its own: the next of a group waits for the last one's acknowledgement,
                # and relays acknowledge in batches. Nobody minds the order.
                # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
                self._outbox.send(body, group=key, key=key)
            except FleetError as trouble:
                grumble.at(trouble)
            else:
                return
            if self._over.wait(delay):
                return


def _named(config: RunnerConfig | StandbyConfig) -> tuple[str, str]:
    """Name who reports, and a series of reports that is like no other of the same name.

    A member stands by at every boot, and a queue takes what bears a known key for a repeat.
    """
    if isinstance(config, RunnerConfig):
        return config.runner, config.runner
    return config.member, f"{config.member}-{secrets.token_hex(4)}"
