"""What a log line shows, and what it never shows."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from runs_fleet import logs
from runs_fleet.redaction import redact

JWT = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_A"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
SECRETS = [
    "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
    f"ghs_4711_{JWT}",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0_abcdefgh",
    JWT,
    PEM,
    PEM.replace("\n", "\\n"),
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Take the lines written, and give the root logger back as it was."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    stream = io.StringIO()
    yield stream
    root.handlers, root.level = before


def lines(stream: io.StringIO, format: logs.Format = "json") -> logging.Logger:
    logs.configure(format, "INFO")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    return logging.getLogger("runs_fleet.test")


def test_facts_are_fields(written: io.StringIO) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    lines(written).info("late report dropped", extra={"job_id": 7, "at": at})
    line = json.loads(written.getvalue())
    assert line["event"] == "late report dropped"
    assert (line["level"], line["logger"], line["job_id"]) == ("info", "runs_fleet.test", 7)
    assert line["at"] == "2026-01-02 00:00:00+00:00"
    assert line["timestamp"].endswith("Z")


def test_the_console_shows_the_same_facts(written: io.StringIO) -> None:
    lines(written, "console").info("late report dropped", extra={"job_id": 7})
    assert "late report dropped" in written.getvalue()
    assert "job_id=7" in written.getvalue()


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.access", "temporalio.worker"])
def test_guests_write_as_we_do(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).addHandler(logging.NullHandler())
    lines(written)
    logging.getLogger(name).warning("%s is here", "guest")
    assert json.loads(written.getvalue())["event"] == "guest is here"


def test_an_exception_is_one_line_of_json(written: io.StringIO) -> None:
    log = lines(written)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        log.exception("it failed")
    assert "RuntimeError: broken" in json.loads(written.getvalue())["exception"]


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_line_shows_a_secret(written: io.StringIO, format: logs.Format, secret: str) -> None:
    log = lines(written, format)
    try:
        raise RuntimeError(f"in the text {secret}")
    except RuntimeError:
        log.exception("told %s", secret, extra={"fact": secret, "facts": {"deep": [secret]}})
    assert "[redacted]" in written.getvalue()
    assert secret[12:] not in written.getvalue()
    assert "MIIEow" not in written.getvalue()


@pytest.mark.parametrize(
    "text", ["runs-fleet-42-1", "https://api.github.com/orgs/o/installation", "ghs_", "eyJob"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_key_cut_in_the_middle_is_masked_to_the_end() -> None:
    assert redact(f"before {PEM[:40]}") == "before [redacted]"
