"""Tells Temporal, by type, which of our errors are worth another try, and when."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from runs_fleet.errors import FleetError, NoCapacity, NotThere, RateLimited, Refused


@contextmanager
def verdicts() -> Iterator[None]:
    """Translate a FleetError into an ApplicationError of the same name.

    RateLimited sets the next try's delay, so that no thread sleeps for it. What is part of
    ordinary days is benign: no stack trace in the log, no count among the failures.
    https://docs.temporal.io/encyclopedia/retry-policies#per-error-next-retry-delay
    """
    try:
        yield
    except RateLimited as error:
        delay = timedelta(seconds=error.after)
        raise ApplicationError(
            str(error),
            type="RateLimited",
            next_retry_delay=delay,
            category=ApplicationErrorCategory.BENIGN,
        ) from error
    except NoCapacity as error:
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        ) from error
    except FleetError as error:
        final = isinstance(error, NotThere | Refused)
        raise ApplicationError(
            str(error), type=type(error).__name__, non_retryable=final
        ) from error
