"""Lengths of time as people write them: `30s`, `15m`, `4h`, `1h30m`, `2d`."""

import re
from datetime import timedelta

ACCEPTED = "write it as 30s, 15m, 4h, 1h30m or 2d"
PATTERN = r"^(?=.)([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
UNITS = ("days", "hours", "minutes", "seconds")


def read(text: str) -> timedelta:
    """Read a length of time. Raises ValueError that says how to write one."""
    match = re.fullmatch(PATTERN, text.strip().lower())
    if not text.strip() or not match:
        raise ValueError(f"{text!r} is no length of time; {ACCEPTED}")
    numbers = [int((part or "0s")[:-1]) for part in match.groups()]
    return timedelta(**dict(zip(UNITS, numbers, strict=True)))


def write(length: timedelta) -> str:
    """Write a length of time so that `read` understands it; parts of a second are left out."""
    seconds, parts = int(length.total_seconds()), list[str]()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"
