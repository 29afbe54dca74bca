"""Every timeout and retry policy of the workflows, in one place.

What an operator may want to change travels in `models.Policy`; what is here follows from how
Temporal and the services behave.
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

# Decided by the workflow, not by asking again: the next rung, or the end.
VERDICTS = ["NoCapacity", "Refused", "NotThere"]


class Options(TypedDict):
    """How one activity is called."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


def _options(
    *, call: int, patience: int, pause: int, tries: int = 0, final: list[str] = VERDICTS
) -> Options:
    return {
        "start_to_close_timeout": timedelta(seconds=call),
        "schedule_to_close_timeout": timedelta(seconds=patience),
        "heartbeat_timeout": None,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(milliseconds=500),
            backoff_coefficient=2,
            maximum_interval=timedelta(seconds=pause),
            maximum_attempts=tries,
            non_retryable_error_types=final,
        ),
        # A call that is out cannot be taken back: wait to learn whether it took effect.
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    }


# A worker that dies in the middle of a call costs at most `call` seconds. Everybody waits for
# creates, and a repeat of one that is still under way is harmless: they do not wait so long.
CREATE: Options = {
    **_options(call=10, patience=600, pause=20),
    "heartbeat_timeout": timedelta(seconds=5),
}
PLACE: Options = {**CREATE, "start_to_close_timeout": timedelta(seconds=28)}
# A machine that is just stopping can be started in a minute; somewhere else a new one is faster.
TAKE = _options(call=10, patience=60, pause=5)
REGISTER = _options(call=20, patience=600, pause=30)
RELEASE = _options(call=25, patience=75, pause=10)
ASK = _options(call=10, patience=20, pause=5)
TRACE = _options(call=15, patience=3600, pause=60)
RERUN = _options(call=10, patience=6 * 3600, pause=60)
# A courtesy: it must not keep a lifecycle open for long.
TELL = _options(call=20, patience=120, pause=15)
# A sweep has another one after it: what does not work by the second try is left to that.
LAST = [*VERDICTS, "RateLimited", "RunnerBusy"]
LOOK = _options(call=20, patience=100, pause=5, tries=2, final=LAST)
REPAIR = _options(call=25, patience=60, pause=5, tries=2, final=LAST)
# A sweep that hangs must not keep the next one from starting; nothing of it needs tidying up.
SWEEP_LIMIT = timedelta(minutes=10)
SWEEP_CATCHUP = timedelta(minutes=1)
# Jobs come first; 3 is what they have.
SWEEP_PRIORITY = 5
