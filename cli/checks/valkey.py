"""Valkey: whether it keeps what it is given, and lets runners do nothing but report."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from cli.checks.findings import Look, Opened, Verdict, failed, warning, well, worst
from runs_fleet.errors import Unavailable
from runs_fleet.settings import K8sSettings

OPENS = ("Valkey",)
LEAST_MAJOR = 7
TIMEOUT = 5.0
REPORTS, SPOOL = "runs-fleet:reports", "runs-fleet:jobs"
USERS = "give each user the rights in docs/valkey.md#users"
DISK = "set it as docs/valkey.md#persistence has it"
# No entry can have this id: whoever may append is told so, and nothing is appended.
APPEND = ("NOMKSTREAM", "0-0", "doctor", "1")
# What a worker does besides, without an effect.
WORK: Mapping[str, tuple[str, ...]] = {
    "XADD": ("XADD", SPOOL, *APPEND),
    "XLEN": ("XLEN", SPOOL),
    "XPENDING": ("XPENDING", SPOOL, "doctor"),
    "XACK": ("XACK", SPOOL, "doctor", "0-1"),
    "XDEL": ("XDEL", SPOOL, "0-1"),
    "EVAL": ("EVAL", "return 1", "0"),
    "DEL": ("DEL", f"{SPOOL}:sent:doctor"),
}
# What code in a job must not be able to do.
MISCHIEF: Mapping[str, tuple[str, ...]] = {
    "read reports": ("XLEN", REPORTS),
    "remove reports": ("XDEL", REPORTS, "0-1"),
    "append to the spool": ("XADD", SPOOL, *APPEND),
    "remove keys": ("DEL", f"{SPOOL}:sent:doctor"),
    "look at the server": ("INFO", "server"),
    "change the server": ("CONFIG", "GET", "maxmemory"),
}


@dataclass(frozen=True)
class Site:
    """The server as the worker reaches it, and what it says of itself."""

    client: redis.Redis
    info: Mapping[str, Any]
    settings: K8sSettings


def opened(stack: ExitStack, *, settings: K8sSettings) -> Opened[Site]:
    """Find the server, log in, and ask what it is."""
    password = settings.valkey_password.get_secret_value() if settings.valkey_password else ""
    client = _client(settings, settings.valkey_username, password)
    stack.callback(client.close)
    try:
        info: Any = client.info("all")
    except RedisError as error:
        # Its words may hold what was sent, but no password.
        said = f"{settings.valkey_url}: {type(error).__name__}: {error}"
        return Opened({OPENS[0]: failed(said, _cure(error))})
    return Opened({OPENS[0]: _version(settings, info)}, Site(client, info, settings))


def persistence(site: Site) -> Verdict:
    """What is spooled while Temporal is away must outlive the server."""
    if site.info.get("aof_enabled") == 0:
        return warning(
            "appendonly is off: webhooks that wait for Temporal are lost with the server", DISK
        )
    if site.info.get("aof_last_write_status", "ok") != "ok":
        return failed("the append-only file cannot be written: is the disk full?", DISK)
    return well("it writes to an append-only file")


def memory(site: Site) -> Verdict:
    """A server that is full must say so, and drop nothing."""
    policy, most = site.info.get("maxmemory_policy", "noeviction"), site.info.get("maxmemory", 0)
    if policy != "noeviction":
        return failed(f"maxmemory-policy is {policy}: a full server drops whole streams", DISK)
    if most and site.info.get("used_memory", 0) > 0.9 * most:
        return warning("more than nine tenths of maxmemory are used", "raise maxmemory")
    return well("it drops nothing")


def worker_user(site: Site) -> Verdict:
    """What the worker's own user may do must be enough."""
    missing = [what for what, command in WORK.items() if not _may(site.client, command)]
    said = [f"the worker's user may not {', '.join(missing)}"] if missing else []
    return worst(said, [], "the worker's user may do its work", cure=USERS)


def runner_user(site: Site) -> Verdict:
    """Runners stand beside untrusted code: they may append reports, and nothing else."""
    settings = site.settings
    if settings.valkey_runner_password is None:
        return warning(
            "runners reach Valkey without a user: any job can read and remove all", USERS
        )
    password = settings.valkey_runner_password.get_secret_value()
    client = _client(settings, settings.valkey_runner_username, password)
    try:
        bad = [] if _may(client, ("XADD", REPORTS, *APPEND)) else ["it may not append reports"]
        wild = [what for what, command in MISCHIEF.items() if _may(client, command)]
    except (AuthenticationError, AuthorizationError):
        return failed("Valkey does not know RUNS_FLEET_VALKEY_RUNNER_USERNAME and its password",
                      USERS)  # fmt: skip
    finally:
        client.close()
    bad += [f"it may {', '.join(wild)}"] if wild else []
    return worst(bad, [], "it may append reports, and nothing else", cure=USERS)


def _client(settings: K8sSettings, username: str, password: str) -> redis.Redis:
    tls: dict[str, Any] = {}
    if settings.valkey_ca_file is not None:
        tls["ssl_ca_data"] = settings.valkey_ca_file.read_text()
    return redis.Redis.from_url(
        settings.valkey_url,
        username=username or None,
        password=password or None,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
        # A user who may do one thing may not say who it is, either.
        driver_info=None,
        **tls,
    )


def _may(client: redis.Redis, command: tuple[str, ...]) -> bool:
    """Tell whether a command is allowed; that it fails for another reason is meant."""
    run: Callable[..., Any] = client.execute_command
    try:
        run(*command)
    except NoPermissionError:
        return False
    except ResponseError:
        return True
    except AuthenticationError:
        raise
    except RedisError as error:
        raise Unavailable(f"{command[0]}: {type(error).__name__}: {error}") from error
    return True


def _version(settings: K8sSettings, info: Mapping[str, Any]) -> Verdict:
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "0")
    said = f"{settings.valkey_url} runs {name} {version}"
    if int(version.partition(".")[0]) < LEAST_MAJOR:
        return failed(f"{said}, which is too old", f"use Valkey, or Redis {LEAST_MAJOR}.0 or later")
    return well(said)


def _cure(error: RedisError) -> str:
    if isinstance(error, NoPermissionError):
        return USERS
    if isinstance(error, AuthenticationError | AuthorizationError):
        return (
            "set RUNS_FLEET_VALKEY_USERNAME and RUNS_FLEET_VALKEY_PASSWORD as the server has them"
        )
    return "set RUNS_FLEET_VALKEY_URL, rediss:// for TLS, and RUNS_FLEET_VALKEY_CA_FILE"


CHECKS: Mapping[str, Look[Site]] = {
    "Valkey persistence": persistence,
    "Valkey memory": memory,
    "Valkey worker user": worker_user,
    "Valkey runner user": runner_user,
}
