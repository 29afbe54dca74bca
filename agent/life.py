"""An agent's life: get the config, run the runner, tell what happens, end the machine.

The agent of a pool's member stands by before that, and again after a runner that had no job.
"""

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
from agent.runner import Runner, prepared
from agent.standby import Asked, Given, Standby, tidied
from agent.watch import Event, Kill, Limits, Notice, Say, Step, Stop, Terminated, Watch
from runs_fleet.errors import FleetError, Refused
from runs_fleet.pools.standby import StandbyConfig
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


@dataclass(frozen=True)
class Served:
    """How a runner ended, and whether it was `unused`: its machine can have another."""

    ending: Ending
    unused: bool = False


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
        self._events: queue.SimpleQueue[Event | Given | Asked] = queue.SimpleQueue()
        self._is_spared = False

    def run(self) -> Ending:
        """Live; tell how it ended."""
        try:
            told = self._await_config()
            while not isinstance(told, Ending):
                told = (
                    self._stand_by(told) if isinstance(told, StandbyConfig) else self._serve(told)
                )
        finally:
            ended = self._is_spared or self._end_machine()
        return told if ended else Ending.STUCK

    def terminate(self) -> None:
        """Ask the agent to come to its end."""
        self._events.put(Terminated())

    def _await_config(self) -> RunnerConfig | StandbyConfig | Ending:
        grumble = Grumble(log, "config cannot be read yet")
        give_up = time.monotonic() + self._pace.config_timeout
        for delay in backoff(self._pace.poll_least, self._pace.poll_most):
            try:
                if config := self._host.config():
                    log.info("config read", extra={"kind": type(config).__name__})
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

    def _stand_by(self, config: StandbyConfig) -> RunnerConfig | Ending:
        reporter = self._reporter(config)
        reporter.say(Say("standing_by"))
        log.info("standing by", extra={"member": config.member})
        over = threading.Event()
        threading.Thread(target=self._look_out, args=(over,), name="notice", daemon=True).start()
        waiting = Standby(
            self._host,
            config,
            tell=self._events.put,
            retry_least=self._pace.poll_least,
            retry_most=self._pace.end_retry,
        )
        told = self._standby_over(reporter, time.monotonic() + config.idle_limit)
        waiting.end()
        over.set()
        if isinstance(told, RunnerConfig):
            reporter.drain(0)
            return told
        last, ending = told
        log.info("stands by no more", extra={"kind": last.kind, "detail": last.detail})
        # The pool that stops a machine knows it, and the machine has no time to tell.
        if not self._is_spared:
            reporter.say(last)
        reporter.drain(0 if self._is_spared else self._pace.report_drain)
        return ending

    def _standby_over(
        self, reporter: Reporter, idle_at: float
    ) -> RunnerConfig | tuple[Say, Ending]:
        """Wait until there is a runner's config, or a reason not to wait for it any more."""
        while True:
            match self._next_event(idle_at - time.monotonic()):
                case Given(config):
                    broken = Say("failed", outcome="broken", detail="the config cannot be used")
                    return config or (broken, Ending.NO_CONFIG)
                case Asked():
                    reporter.say(Say("standing_by"))
                case Notice(detail):
                    return Say("interrupted", detail=detail), Ending.INTERRUPTED
                case Terminated():
                    # A machine that is being stopped is to be there when it is started again.
                    self._is_spared = True
                    return Say("interrupted"), Ending.INTERRUPTED
                case None if time.monotonic() >= idle_at:
                    return Say("finished", outcome="idle"), Ending.DONE

    def _serve(self, config: RunnerConfig) -> Ending | StandbyConfig:
        reporter = self._reporter(config)
        removed = self._remove_config(tries=3)
        reporter.say(Say("ready", detail="" if removed else NOT_REMOVED))
        over = threading.Event()
        served = Served(Ending.BROKEN)
        try:
            runner = Runner(
                self._runner_dir,
                prepared(self._runner_dir, self._environ, config),
                tell=lambda event: None if over.is_set() else self._events.put(event),
                drain=self._pace.output_drain,
            )
        except OSError as error:
            log.error("runner cannot be started", extra={"reason": str(error)})
            reporter.say(Say("failed", outcome="broken", detail=str(error)))
        else:
            served = self._attend(runner, reporter, self._limits(config), over)
        if not removed:
            self._remove_config(tries=1)
        if not reporter.drain(self._pace.report_drain):
            log.error("reports lost", extra={"runner": config.runner})
        again = config.standby if served.unused and removed else None
        return again if again and tidied(self._runner_dir) else served.ending

    def _attend(
        self, runner: Runner, reporter: Reporter, limits: Limits, over: threading.Event
    ) -> Served:
        threading.Thread(target=self._look_out, args=(over,), name="notice", daemon=True).start()
        watch = Watch(limits, time.monotonic())
        while not watch.ended:
            event = self._next_event(watch.deadline() - time.monotonic())
            now = time.monotonic()
            known = event if event and not isinstance(event, Given | Asked) else None
            for step in [*(watch.happened(known, now) if known else ()), *watch.time_passed(now)]:
                _take(step, runner, reporter)
        over.set()
        return Served(watch.ending, unused=watch.unused)

    def _reporter(self, config: RunnerConfig | StandbyConfig) -> Reporter:
        return Reporter(
            self._outbox,
            config,
            machine_id=self._host.machine_id(),
            retry_most=self._pace.report_retry,
        )

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

    def _next_event(self, within: float) -> Event | Given | Asked | None:
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
