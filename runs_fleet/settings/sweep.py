"""What a worker is told about the sweep."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, field_validator

from runs_fleet.census import SweepRequest
from runs_fleet.hooks import Hook
from runs_fleet.settings.common import LENGTH, Timing
from runs_fleet.settings.fields import COMMAS, Duration, setting

INTERVAL = f"{LENGTH}, or 0 or nothing for never"
_HOOK = re.compile(
    r"(?P<kind>org|repo):(?P<target>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)?):(?P<hook_id>[0-9]{1,18})"
)


def _hook(value: object) -> object:
    """Read `org:NAME:ID` or `repo:OWNER/NAME:ID`."""
    if not isinstance(value, str):
        return value
    match = _HOOK.fullmatch(value)
    if match is None or (match["kind"] == "repo") != ("/" in match["target"]):
        raise ValueError("not a webhook")
    return match.groupdict()


class SweepSettings(Timing):
    """When and how to sweep."""

    sweep_interval: Duration | None = setting(
        "SWEEP_INTERVAL", INTERVAL, default=timedelta(minutes=2)
    )
    sweep_min_age: Duration = setting(
        "SWEEP_MIN_AGE", LENGTH, default=SweepRequest.model_fields["min_age"].default
    )
    github_hooks: Annotated[tuple[Annotated[Hook, BeforeValidator(_hook)], ...], COMMAS] = setting(
        "GITHUB_HOOKS",
        "a comma list of webhooks beside the App's own: org:NAME:ID or repo:OWNER/NAME:ID",
        default=(),
    )

    @property
    def sweep(self) -> SweepRequest:
        """The input of every sweep."""
        hooks = (Hook(), *self.github_hooks)
        return SweepRequest(
            mode=self.mode, min_age=self.sweep_min_age, hooks=hooks, archive=self.archives
        )

    @property
    def archives(self) -> bool:
        """Whether there is an archive of outcomes."""
        return False

    @field_validator("sweep_interval", mode="before")
    @classmethod
    def _nothing_is_off(cls, value: object) -> object:
        return None if value in ("", "0") else value
