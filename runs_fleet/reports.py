"""Reports signed by the one runner they speak of; pure.

A runner's key is derived from the fleet's secret and the runner's name, so nothing has to be
stored to check a report, and a stolen key speaks for one runner only.
"""

import hashlib
import hmac

from pydantic import BaseModel, ConfigDict, ValidationError

from runs_fleet.models import RunnerReport


class Forged(ValueError):
    """The report was not made with its runner's key, or cannot be read."""


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore")
    report: str
    mac: str


def key(secret: str, runner: str) -> str:
    """Derive the key that only this runner is given (hex, 64 characters)."""
    return hmac.new(secret.encode(), runner.encode(), hashlib.sha256).hexdigest()


def seal(report: RunnerReport, *, runner_key: str) -> str:
    """Write a report as its runner sends it."""
    text = report.model_dump_json()
    return _Envelope(report=text, mac=_mac(runner_key, text)).model_dump_json()


def opened(body: str, *, secret: str) -> RunnerReport:
    """Read a report, or raise Forged."""
    try:
        envelope = _Envelope.model_validate_json(body)
        report = RunnerReport.model_validate_json(envelope.report)
    except ValidationError as error:
        raise Forged(f"unreadable report: {error.error_count()} fields do not fit") from None
    expected = _mac(key(secret, report.runner), envelope.report)
    if not hmac.compare_digest(expected.encode(), envelope.mac.encode()):
        raise Forged(f"report of {report.runner!r} has the wrong mac")
    return report


def _mac(runner_key: str, text: str) -> str:
    return hmac.new(runner_key.encode(), text.encode(), hashlib.sha256).hexdigest()
