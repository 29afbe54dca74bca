"""What AWS's errors mean to the caller, in one place.

Error codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoRegionError,
    ParamValidationError,
    UnknownServiceError,
)

from runs_fleet.errors import FleetError, NoCapacity, NotThere, RateLimited, Refused, Unavailable

CAPACITY = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "ReservationCapacityExceeded",
        "SpotMaxPriceTooLow",
        "UnfulfillableCapacity",
        # Of a type that the zone does not offer: another zone or type may do.
        "Unsupported",
    }
)
QUOTA = frozenset(
    {
        "AddressLimitExceeded",
        "FleetLimitExceeded",
        "InstanceLimitExceeded",
        "MaxFleetCountExceeded",
        "MaxSpotFleetRequestCountExceeded",
        "MaxSpotInstanceCountExceeded",
        "NetworkInterfaceLimitExceeded",
        "VcpuLimitExceeded",
        "VolumeLimitExceeded",
    }
)
THROTTLE = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
TRANSIENT = frozenset(
    {
        # Credentials that ran out are renewed, by the SDK or by whoever gave them.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "IncorrectInstanceState",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        # Right after the launch, EC2's other hosts may not know the machine.
        "InvalidInstanceID.NotFound",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServerInternal",
        "ServiceUnavailable",
        "Unavailable",
    }
)
MISSING = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "ParameterNotFound", "QueueDoesNotExist"}
)
PERMANENT_PREFIXES = (
    "AuthFailure",
    "Blocked",
    "IdempotentParameterMismatch",
    "Invalid",
    "Missing",
    "OptInRequired",
    "PendingVerification",
    "Unauthorized",
    "UnknownParameter",
)
MISMATCH = "IdempotentParameterMismatch"
FIRST_SERVER_STATUS = 500
MOST_TEXT = 300
LEAST_PAUSE, MOST_PAUSE = 2.0, 6.0


def code_of(error: Exception) -> str:
    """Return AWS's own code, or the name of botocore's exception."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "") or "Unknown"
    return type(error).__name__


def translate(error: ClientError | BotoCoreError, what: str, *, quote: bool = True) -> FleetError:
    """Turn an error of a call into the one thing its caller needs to know.

    AWS repeats rejected values in its messages; `quote` false keeps them out.
    """
    code = code_of(error)
    text = f"{what}: {code}: {str(error)[:MOST_TEXT]}" if quote else f"{what}: {code}"
    if isinstance(error, ClientError):
        return verdict(code, text, status=_status(error))
    if isinstance(error, ParamValidationError | NoRegionError | UnknownServiceError):
        return Refused(text)
    return Unavailable(text)


def verdict(code: str, text: str, *, status: int = 400) -> FleetError:
    """Say what an error code of AWS means; a code unknown to us by its HTTP status."""
    if code in CAPACITY:
        return NoCapacity(text)
    if code in QUOTA:
        return NoCapacity(f"quota: {text}")
    if code in THROTTLE:
        return RateLimited(text, after=random.uniform(LEAST_PAUSE, MOST_PAUSE))
    if code in MISSING:
        return NotThere(text)
    if code in TRANSIENT or status >= FIRST_SERVER_STATUS:
        return Unavailable(text)
    return Refused(text)


def is_permanent(code: str) -> bool:
    """Tell whether asking for something else of the same kind could not help either."""
    return code.startswith(PERMANENT_PREFIXES) and code not in TRANSIENT


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate whatever the AWS calls inside raise."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, what) from error


@contextmanager
def translated_quietly(what: str) -> Iterator[None]:
    """Translate without the text and the cause: both may repeat the secret that was sent."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, what, quote=False) from None


def _status(error: ClientError) -> int:
    metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    return int(metadata.get("HTTPStatusCode", 0))
