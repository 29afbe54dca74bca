"""An agent's life: get the config, run the runner, tell what happens, end the machine."""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.endings import Ending
from agent.host import Host
from agent.patience import Grumble, backoff
from agent.reporting import Reporter
from agent.runner import Runner, environment
from agent.watch import Event, Kill, Limits, Notice, Say, Step, Stop, Terminated, Watch
from runs_fleet.errors import FleetError, Refused
from runs_fleet.ports import Outbox, RunnerConfig

NOT_REMOVED = "config not removed"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How patient an agent is, in seconds."""

    config_timeout: float = 600.0
    stop_grace: float = 90.0
    # Between the job's last line and the end of run.sh lie only a few calls to GitHub.
    wind_up: float = 300.0
    # Spent in full only when something that escaped the group keeps the output open.
    output_drain: float = 5.0
    poll_least: float = 0.2
    poll_most: float = 2.0
    notice_every: float = 5.0
    report_retry: float = 5.0
    report_drain: float = 30.0
    end_retry: float = 15.0
    end_timeout: float = 900.0


class Agent:
    """One agent; `run` is its whole life, `terminate` may be called from a signal handler."""

    def __init__(
        self,
        host: Host,
        outbox: Callable[[str], Outbox],
        *,
        runner_dir: Path,
        environ: Mapping[str, str],
        pace: Pace,
    ) -> None:
        self._host = host
        self._outbox = outbox
        self._runner_dir = runner_dir
        self._environ = environ
        self._pace = pace
        # Unlike Event and Queue, putting into this one is safe while its reader is interrupted.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def run(self) -> Ending:
        """Live; tell how it ended."""
        try:
            got = self._await_config()
            ending = got if isinstance(got, Ending) else self._serve(got)
        finally:
            ended = self._end_machine()
        return ending if ended else Ending.STUCK

    def terminate(self) -> None:
        """Ask the agent to come to its end."""
        self._events.put(Terminated())

    def _await_config(self) -> RunnerConfig | Ending:
        grumble = Grumble(log, "config cannot be read yet")
        give_up = time.monotonic() + self._pace.config_timeout
        for delay in backoff(self._pace.poll_least, self._pace.poll_most):
            try:
                if config := self._host.config():
                    log.info("config read", extra={"runner": config.runner})
                    return config
            except Refused as error:
                log.error("config cannot be used", extra={"reason": str(error)})
                return Ending.NO_CONFIG
            except FleetError as trouble:
                grumble.at(trouble)
            else:
                log.debug("no config yet")
            if time.monotonic() + delay > give_up:
                log.error("no config in time", extra={"seconds": self._pace.config_timeout})
                return Ending.NO_CONFIG
            if self._next_event(delay):
                log.info("told to stop before there was a config")
                return Ending.INTERRUPTED
        raise AssertionError("backoff never ends")

    def _serve(self, config: RunnerConfig) -> Ending:
        reporter = Reporter(
            self._outbox,
            config,
            machine_id=self._host.machine_id(),
            retry_most=self._pace.report_retry,
        )
        removed = self._remove_config(tries=3)
        reporter.say(Say("ready", detail="" if removed else NOT_REMOVED))
        ending = Ending.BROKEN
        try:
            runner = Runner(
                self._runner_dir,
                environment(self._environ, config.jit_config),
                tell=self._events.put,
                drain=self._pace.output_drain,
            )
        except OSError as error:
            log.error("runner cannot be started", extra={"reason": str(error)})
            reporter.say(Say("failed", outcome="broken", detail=str(error)))
        else:
            ending = self._attend(runner, reporter, self._limits(config))
        if not removed:
            self._remove_config(tries=1)
        if not reporter.drain(self._pace.report_drain):
            log.error("reports lost", extra={"runner": config.runner})
        return ending

    def _attend(self, runner: Runner, reporter: Reporter, limits: Limits) -> Ending:
        over = threading.Event()
        threading.Thread(target=self._look_out, args=(over,), name="notice", daemon=True).start()
        watch = Watch(limits, time.monotonic())
        while not watch.ended:
            event = self._next_event(watch.deadline() - time.monotonic())
            now = time.monotonic()
            for step in [*(watch.happened(event, now) if event else ()), *watch.time_passed(now)]:
                _take(step, runner, reporter)
        over.set()
        return watch.ending

    def _look_out(self, over: threading.Event) -> None:
        grumble = Grumble(log, "cannot look for a notice")
        while not over.is_set():
            try:
                if detail := self._host.notice():
                    self._events.put(Notice(detail))
                    return
            except FleetError as trouble:
                grumble.at(trouble)
            over.wait(self._pace.notice_every)

    def _limits(self, config: RunnerConfig) -> Limits:
        return Limits(
            idle=config.idle_limit,
            max_runtime=config.max_runtime,
            wind_up=self._pace.wind_up,
            stop_grace=self._pace.stop_grace,
        )

    def _remove_config(self, *, tries: int) -> bool:
        delays = backoff(self._pace.poll_least, self._pace.poll_most)
        for delay in itertools.islice(delays, tries):
            try:
                self._host.remove_config()
            except FleetError as trouble:
                log.warning("config not removed", extra={"reason": str(trouble)})
                time.sleep(delay)
            else:
                return True
        return False

    def _end_machine(self) -> bool:
        grumble = Grumble(log, "machine cannot be ended yet")
        give_up = time.monotonic() + self._pace.end_timeout
        for delay in backoff(self._pace.poll_least, self._pace.end_retry):
            try:
                self._host.end()
            except FleetError as trouble:
                grumble.at(trouble)
            else:
                log.info("machine ended")
                return True
            if time.monotonic() + delay > give_up:
                break
            time.sleep(delay)
        log.error("machine not ended", extra={"seconds": self._pace.end_timeout})
        return False

    def _next_event(self, within: float) -> Event | None:
        try:
            return self._events.get(timeout=max(within, 0))
        except queue.Empty:
            return None


def _take(step: Step, runner: Runner, reporter: Reporter) -> None:
    match step:
        case Say():
            log.info("report", extra={"kind": step.kind, "outcome": step.outcome})
            reporter.say(step)
        case Stop():
            runner.stop()
        case Kill():
            runner.kill()
