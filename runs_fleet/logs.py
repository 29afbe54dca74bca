"""Logging of every process: constant events with their facts, to stderr, in UTC."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runs_fleet.redaction import redact

Format = Literal["json", "console"]
# They come with handlers of their own, or get them from whoever starts them.
GUESTS = ("uvicorn", "uvicorn.error", "uvicorn.access", "temporalio")
CHATTY = ("httpx", "httpcore", "botocore", "boto3", "urllib3", "asyncio")


def configure(format: Format = "json", level: str = "INFO") -> None:
    """Send all logging of this process to stderr; calling it again replaces what was set.

    Start uvicorn with `log_config=None`, or it brings its own handlers back.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(format))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in GUESTS:
        guest = logging.getLogger(name)
        guest.handlers = []
        guest.propagate = True
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def formatter(format: Format) -> logging.Formatter:
    """Render records of the standard library with the facts given as `extra`."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(format),
            _mask,
        ],
    )


def _renderers(format: Format) -> list[Processor]:
    if format == "console":
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        _headline_first,
        structlog.processors.JSONRenderer(default=str),
    ]


def _headline_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    headline = {key: event.pop(key) for key in ("timestamp", "level", "event", "logger")}
    return {**headline, **event}


def _mask(_logger: WrappedLogger, _method: str, rendered: EventDict) -> str:
    return redact(str(rendered))
