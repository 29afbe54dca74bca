"""What every process is told, and the patience of lifecycles."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from runs_fleet.models import Mode, Policy
from runs_fleet.settings.fields import COMMAS, LOWER, UPPER, DnsLabel, Duration, setting

DAY = timedelta(hours=24)
LENGTH = "a duration such as 90s, 10m, 1h30m or plain seconds"


class Common(BaseModel):
    """Settings of every process.

    Checks between variables sit on the later field and look back, so that they speak up
    even while other variables are wrong.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    mode: Annotated[Mode, LOWER] = setting("MODE", "ec2 or k8s", default="ec2")
    backends: Annotated[frozenset[Mode], COMMAS, LOWER] = setting(
        "BACKENDS", "a comma list of the backends that have a worker: ec2, k8s", default=""
    )
    fleet: DnsLabel = setting(
        "FLEET", "a DNS label: lower-case letters, digits and -", default="default"
    )
    log_format: Annotated[Literal["json", "console"], LOWER] = setting(
        "LOG_FORMAT", "json or console", default="json"
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], UPPER] = setting(
        "LOG_LEVEL", "debug, info, warning or error", default="INFO"
    )

    @field_validator("backends", mode="before")
    @classmethod
    def _default_backend(cls, value: object, info: ValidationInfo) -> object:
        return value or {info.data.get("mode", "ec2")}

    @field_validator("backends")
    @classmethod
    def _with_its_mode(cls, backends: frozenset[Mode], info: ValidationInfo) -> frozenset[Mode]:
        if info.data.get("mode", "ec2") not in backends:
            raise ValueError("must contain RUNS_FLEET_MODE")
        return backends


def _patience(name: str, accepted: str = LENGTH) -> Any:
    return setting(name.upper(), accepted, default=Policy.model_fields[name].default)


class Timing(Common):
    """Settings of the processes that start or run lifecycles; field for field a `Policy`."""

    boot_timeout: Duration = _patience("boot_timeout")
    pickup_timeout: Duration = _patience("pickup_timeout")
    theft_grace: Duration = _patience("theft_grace")
    finish_grace: Duration = _patience("finish_grace")
    silence: Duration = _patience("silence")
    max_runtime: Duration = _patience("max_runtime")
    max_wait: Duration = _patience("max_wait", f"{LENGTH}, below 24h")
    retry_least: Duration = _patience("retry_least")
    retry_most: Duration = _patience("retry_most")
    busy_look: Duration = _patience("busy_look")
    tell: bool = _patience("tell", "on or off")
    pool_patience: Duration = setting("POOL_PATIENCE", LENGTH, default=timedelta(seconds=10))

    @property
    def policy(self) -> Policy:
        """The patience that goes into each lifecycle's input."""
        return Policy.model_validate({name: getattr(self, name) for name in Policy.model_fields})

    @field_validator("max_wait")
    @classmethod
    def _below_a_day(cls, max_wait: timedelta) -> timedelta:
        # https://docs.github.com/en/actions/reference/limits: a job queued for 24 hours is failed.
        if max_wait >= DAY:
            raise ValueError("GitHub gives a queued job up after 24 hours")
        return max_wait

    @field_validator("retry_most")
    @classmethod
    def _ordered(cls, retry_most: timedelta, info: ValidationInfo) -> timedelta:
        if retry_most < info.data.get("retry_least", retry_most):
            raise ValueError("must not be shorter than RUNS_FLEET_RETRY_LEAST")
        return retry_most
