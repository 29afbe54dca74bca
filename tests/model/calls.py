"""Activities as Temporal runs them: tried again, never taken back, with answers that get lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from temporalio.exceptions import ApplicationError

from runs_fleet.answers import Failure
from tests.model.chaos import Chaos
from tests.model.clock import Clock
from workflows.options import Options


class Call:
    """One activity: `answer` is there when it is `done`."""

    def __init__(
        self,
        clock: Clock,
        chaos: Chaos,
        perform: Callable[[], Any],
        *,
        options: Options,
        ended: Callable[[], None],
    ) -> None:
        self.done, self.answer = False, cast(Any, None)
        self._clock, self._chaos, self._perform, self._ended = clock, chaos, perform, ended
        self._options, self._began, self._tries = options, clock.now, 0
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
            self._clock.after(self._chaos.rng.uniform(0.05, 1), self._arrive)

    def _arrive(self) -> None:
        """The call takes effect; its answer is on the way."""
        answer, pause = self._performed()
        if self._chaos.hits("answer_lost"):
            self._lose()
        else:
            self._clock.after(0.05, lambda: self._hear(answer, pause))

    def _performed(self) -> tuple[Any, timedelta | None]:
        try:
            return self._perform(), None
        except ApplicationError as error:
            failure = Failure(error.type or "", error.message)
            again = self._options["retry_policy"].maximum_interval or timedelta(seconds=30)
            pause = min(timedelta(seconds=0.5 * 2 ** min(self._tries, 10)), again)
            return failure, None if error.non_retryable else error.next_retry_delay or pause

    def _lose(self) -> None:
        """A worker dies in the middle of a call: Temporal waits for its limit."""
        limit = self._options["start_to_close_timeout"].total_seconds()
        failure = Failure("TimeoutError", "no answer")
        self._clock.after(limit, lambda: self._hear(failure, timedelta(seconds=1)))

    def _hear(self, answer: Any, pause: timedelta | None) -> None:
        self._out = False
        if pause is None:
            self._end(answer)
        elif self._cancelled:
            self._end(Failure("CancelledError"))
        elif self._clock.now + pause - self._began >= self._options["schedule_to_close_timeout"]:
            self._end(answer)
        else:
            self._clock.after(pause.total_seconds(), self._begin)

    def _end(self, answer: Any) -> None:
        if not self.done:
            self.done, self.answer = True, answer
            self._ended()
