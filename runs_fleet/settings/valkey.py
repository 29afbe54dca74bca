"""How a process finds Valkey, and how the runners' pods do."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from runs_fleet.settings.common import Common
from runs_fleet.settings.fields import ReadableFile, secret, setting

ADDRESS = "redis://HOST:PORT or rediss://HOST:PORT for TLS, with /DB if not the first"
REPORTS_STREAM = "runs-fleet:reports"
DEFAULT_PORT = 6379


def _address(value: str) -> str:
    """Read an address without credentials: it is shown in logs and messages."""
    parts = urlsplit(value.strip())
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or _port(value) is None:
        raise ValueError("not a redis or rediss address")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no user, query or fragment")
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("its path is the number of a database")
    return value.strip().rstrip("/")


def _port(address: str) -> int | None:
    try:
        return urlsplit(address.strip()).port or DEFAULT_PORT
    except ValueError:
        return None


ValkeyUrl = Annotated[str, AfterValidator(_address)]
User = Annotated[str, Field(pattern=r"^\S*$")]


class ValkeySettings(Common):
    """Where Valkey is, and who we are there."""

    valkey_url: ValkeyUrl | None = setting("VALKEY_URL", ADDRESS, default=None)
    valkey_username: User = setting("VALKEY_USERNAME", "a name without spaces", default="")
    valkey_password: SecretStr | None = secret("VALKEY_PASSWORD", "a password", default=None)
    valkey_ca_file: ReadableFile | None = setting(
        "VALKEY_CA_FILE", "a readable file of PEM certificates", default=None
    )

    @field_validator("valkey_password")
    @classmethod
    def _password_too(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if password is None and info.data.get("valkey_username"):
            raise ValueError("RUNS_FLEET_VALKEY_USERNAME is set and this is not")
        return password

    @field_validator("valkey_ca_file")
    @classmethod
    def _for_tls(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and (info.data.get("valkey_url") or "").startswith("redis:"):
            raise ValueError("RUNS_FLEET_VALKEY_URL is not a rediss address")
        return path


class ValkeyForRunners(ValkeySettings):
    """Whom the runners' agents are at Valkey: they stand beside untrusted code."""

    valkey_url: ValkeyUrl = setting("VALKEY_URL", ADDRESS)
    valkey_runner_url: ValkeyUrl | None = setting("VALKEY_RUNNER_URL", ADDRESS, default=None)
    valkey_runner_username: User = setting(
        "VALKEY_RUNNER_USERNAME", "a name without spaces", default=""
    )
    valkey_runner_password: SecretStr | None = secret(
        "VALKEY_RUNNER_PASSWORD", "a password, not the worker's", default=None
    )

    def runner_reports(self) -> SecretStr:
        """Return the address at which agents report, with the runners' own password in it."""
        parts = urlsplit(self.valkey_runner_url or self.valkey_url)
        given = self.valkey_runner_password
        password = f":{quote(given.get_secret_value(), safe='')}@" if given else ""
        user = quote(self.valkey_runner_username, safe="") if given else ""
        place = parts._replace(
            netloc=f"{user}{password}{parts.netloc}", query=f"stream={REPORTS_STREAM}"
        )
        return SecretStr(urlunsplit(place))

    @field_validator("valkey_runner_username")
    @classmethod
    def _another_user(cls, name: str, info: ValidationInfo) -> str:
        if name and name == info.data.get("valkey_username"):
            raise ValueError("must not be the worker's")
        return name

    @field_validator("valkey_runner_password")
    @classmethod
    def _runners_own(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Where the worker needs a password, runners must not get by with it or without one."""
        workers = info.data.get("valkey_password")
        if password is None and (workers or info.data.get("valkey_runner_username")):
            raise ValueError("missing, though a user or password is set")
        if password is not None and password == workers:
            raise ValueError("must not be the worker's")
        return password
