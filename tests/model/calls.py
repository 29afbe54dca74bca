"""Activities as Temporal runs them: tried again, never taken back, with answers that get lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, cast

from temporalio.exceptions import ApplicationError

from runs_fleet.answers import Failure
from tests.model.chaos import Away, Chaos
from tests.model.clock import Clock
from workflows.options import Options

LATENCY = 0.5
SIGNAL = 0.05


@dataclass(frozen=True)
class Limits:
    """One activity's options, in seconds."""

    call: float
    patience: float
    pause: float

    @classmethod
    def of(cls, options: Options) -> Self:
        pause = options["retry_policy"].maximum_interval or timedelta(seconds=30)
        return cls(
            options["start_to_close_timeout"].total_seconds(),
            options["schedule_to_close_timeout"].total_seconds(),
            pause.total_seconds(),
        )


class Call:
    """One activity: `answer` is there when it is `done`."""

    def __init__(
        self,
        clock: Clock,
        chaos: Chaos,
        perform: Callable[[], Any],
        *,
        limits: Limits,
        ended: Callable[[], None],
    ) -> None:
        self.done, self.answer = False, cast(Any, None)
        self._clock, self._chaos, self._perform, self._ended = clock, chaos, perform, ended
        self._limits, self._began, self._tries = limits, clock.seconds, 0
        self._cancelled = self._out = False
        self._begin()

    def cancel(self) -> None:
        """Ask it to stop: between two tries it does, else its answer is waited for."""
        self._cancelled = True
        if not self._out:
            self._end(Failure("CancelledError", "stopped before it began"))

    def _begin(self) -> None:
        if self.done:
            return
        self._out, self._tries = True, self._tries + 1
        if self._chaos.hits("request_lost"):
            self._lose()
        else:
            self._clock.after(0.05 + self._chaos.rng.random(), self._arrive)

    def _arrive(self) -> None:
        """The call takes effect; its answer is on the way."""
        hear = self._performed()
        if self._chaos.hits("answer_lost"):
            self._lose()
        else:
            self._clock.after(0.05, hear)

    def _performed(self) -> Callable[[], None]:
        try:
            answer = self._perform()
        except ApplicationError as error:
            cause = error.__cause__
            away = cause.until if isinstance(cause, Away) else 0.0
            failure = Failure("Unavailable" if away else error.type or "", error.message)
            if error.non_retryable:
                return lambda: self._end(failure)
            delay = error.next_retry_delay
            pause = delay.total_seconds() if delay else None
            return lambda: self._fail(failure, pause=pause, away=away)
        return lambda: self._end(answer)

    def _lose(self) -> None:
        """A worker dies in the middle of a call: Temporal waits for its limit."""
        failure = Failure("TimeoutError", "no answer")
        self._clock.after(self._limits.call, lambda: self._fail(failure, pause=1))

    def _fail(self, failure: Failure, *, pause: float | None = None, away: float = 0) -> None:
        """Try again later, unless it is too late; what is away until then need not be tried."""
        self._out = False
        if self._cancelled:
            self._end(Failure("CancelledError"))
            return
        now = at = self._clock.seconds
        while True:
            at += self._pause if pause is None else pause
            if at - self._began >= self._limits.patience:
                self._clock.after(max(at - now - self._pause, 0), lambda: self._end(failure))
                return
            if at >= away:
                self._clock.after(at - now, self._begin)
                return
            self._tries += 1
            at += LATENCY

    @property
    def _pause(self) -> float:
        return min(0.5 * 2.0 ** min(self._tries, 10), self._limits.pause)

    def _end(self, answer: Any) -> None:
        if not self.done:
            self._out, self.done, self.answer = False, True, answer
            self._ended()


class Courier:
    """One signal from a lifecycle to another: it arrives, whatever becomes of the sender."""

    def __init__(
        self, clock: Clock, deliver: Callable[[], bool], *, ended: Callable[[], None]
    ) -> None:
        self.done = self.answer = False
        self._deliver, self._ended = deliver, ended
        clock.after(SIGNAL, self._arrive)

    def _arrive(self) -> None:
        self.done, self.answer = True, self._deliver()
        self._ended()
