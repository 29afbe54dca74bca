"""A connection to Valkey or Redis, and what their errors mean to the caller, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    NoPermissionError,
    RedisError,
    TimeoutError,
)
from redis.retry import Retry

from runs_fleet.errors import FleetError, Refused, Unavailable

TIMEOUT = 5.0
RETRIES = 2
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
SCHEMES = ("redis://", "rediss://")
# Of a server that starts, fails over, is full or cannot write to its disk; or of a stream that was
# removed while it was read.
PASSING = (
    "BUSY ",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
    "The stream has exhausted",
)


def connect(
    url: str,
    *,
    username: str = "",
    password: str = "",
    ca: str | None = None,
    timeout: float = TIMEOUT,
) -> redis.Redis:
    """Make a client, which connects when it is used, again whenever that is needed.

    `url` is `redis://host:port/db` or `rediss://...`, `ca` the PEM text of whom to trust besides
    the system's. No answer for `timeout` seconds counts as none; a call is tried three times.
    Raises Refused.
    """
    if not url.startswith(SCHEMES):
        # Not quoted: a password may be in it.
        raise Refused("the address of Valkey does not start with redis:// or rediss://")
    tls: dict[str, Any] = {"ssl_ca_data": ca} if ca and url.startswith("rediss://") else {}
    try:
        return redis.Redis.from_url(
            url,
            username=username or None,
            password=password or None,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(ExponentialWithJitterBackoff(LONGEST_PAUSE, FIRST_PAUSE), RETRIES),
            # What runners send is not to be trusted to be text.
            decode_responses=True,
            encoding_errors="replace",
            protocol=2,
            # Would need a permission, and an ACL file of Redis 7.0 cannot give it.
            driver_info=None,
            **tls,
        )
    except ValueError:
        raise Refused("the address of Valkey cannot be read") from None


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate whatever the calls inside raise."""
    try:
        yield
    except RedisError as error:
        raise translate(error, what) from error


def translate(error: RedisError, what: str) -> FleetError:
    """Turn an error of a call into the one thing its caller needs to know."""
    text = f"{what}: {error}"
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return Refused(text, forbidden=True)
    passing = isinstance(error, ConnectionError | TimeoutError) or _begins(error, PASSING)
    return Unavailable(text) if passing else Refused(text)


def group_is_missing(error: RedisError) -> bool:
    """Tell whether the stream or its group is not there; the words differ between servers."""
    return _begins(error, ("NOGROUP", "no such key"))


def _begins(error: RedisError, codes: tuple[str, ...]) -> bool:
    return str(error).startswith(codes)
