"""A machine's config as one parameter's text: small, exact and without surprises; pure.

A JIT config is base64 of JSON, about 4,100 characters, and a standard parameter ends at 4,096:
so it is decoded before it is compressed, when encoding it again gives the same text.
"""

import base64
import binascii
import gzip
import json
import zlib
from dataclasses import asdict
from typing import Any

from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig
from runs_fleet.registering import TokenRegistration

MOST_JSON = 256 * 1024
# What a machine may be told.
Told = RunnerConfig | StandbyConfig


class Unreadable(ValueError):
    """The text is not one that `encode` wrote."""


def encode(config: Told) -> str:
    """Write a config as base64 of gzip of JSON; the same config gives the same text."""
    if isinstance(config, StandbyConfig):
        fields: dict[str, Any] = {"standby": asdict(config)}
    else:
        fields = _fields(config)
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=True)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def decode(text: str) -> Told:
    """Read what `encode` wrote, or raise Unreadable, which never quotes the text."""
    try:
        fields = json.loads(_inflate(base64.b64decode(text, validate=True)))
        return _runner(fields) if "runner" in fields else _standby(fields["standby"])
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise Unreadable(f"not a runner's config: {type(error).__name__}") from None


def _fields(config: RunnerConfig) -> dict[str, Any]:
    plain = _decoded(config.jit_config)
    return {
        "runner": config.runner,
        "report_key": config.report_key,
        "reports": config.reports,
        "idle_limit": config.idle_limit,
        "max_runtime": config.max_runtime,
        **({"jit_config": config.jit_config} if plain is None else {"jit_plain": plain}),
        **({"standby": asdict(config.standby)} if config.standby else {}),
        **({"registration": asdict(config.registration)} if config.registration else {}),
    }


def _runner(fields: dict[str, Any]) -> RunnerConfig:
    plain, standby = fields.get("jit_plain"), fields.get("standby")
    registration = fields.get("registration")
    jit_config = fields["jit_config"] if plain is None else _encoded(plain)
    return RunnerConfig(
        runner=str(fields["runner"]),
        jit_config=str(jit_config),
        report_key=str(fields["report_key"]),
        reports=str(fields["reports"]),
        idle_limit=float(fields["idle_limit"]),
        max_runtime=float(fields["max_runtime"]),
        standby=_standby(standby) if standby else None,
        registration=_registration(registration) if registration else None,
    )


def _registration(fields: dict[str, Any]) -> TokenRegistration:
    return TokenRegistration(
        url=str(fields["url"]),
        token=str(fields["token"]),
        labels=tuple(map(str, fields["labels"])),
        group=str(fields["group"]),
    )


def _standby(fields: dict[str, Any]) -> StandbyConfig:
    return StandbyConfig(
        member=str(fields["member"]),
        report_key=str(fields["report_key"]),
        reports=str(fields["reports"]),
        wake=str(fields["wake"]),
        idle_limit=float(fields["idle_limit"]),
    )


def _inflate(data: bytes) -> bytes:
    # Bounded, as a parameter that grows without end should not take the machine with it.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text = inflater.decompress(data, MOST_JSON)
    if not inflater.eof:
        raise ValueError("cut short, or too long")
    return text


def _decoded(jit_config: str) -> str | None:
    """Decode a JIT config, or None when encoding it again would not give the same."""
    try:
        plain = base64.b64decode(jit_config, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return plain if _encoded(plain) == jit_config else None


def _encoded(plain: str) -> str:
    return base64.b64encode(plain.encode()).decode()
