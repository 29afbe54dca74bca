"""How we say who we are: as the App by a signed JWT, as an installation by a token."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Annotated

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from runs_fleet.errors import Refused

# GitHub allows ten minutes, and clocks differ.
# https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
BACKDATED = 60
LIFETIME = 540
REUSED = 420
TOKEN_MARGIN = 300


class AppKey:
    """The App's identity. The key is an object loaded once: reading PEM costs 70 ms each time."""

    def __init__(
        self, app_id: str, key: RSAPrivateKey, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._app_id = app_id
        self._key = key
        self._clock = clock
        self._lock = Lock()
        self._made_at = float("-inf")
        self._jwt = ""

    @classmethod
    def from_pem(
        cls, app_id: str, pem: SecretStr, *, clock: Callable[[], float] = time.time
    ) -> "AppKey":
        """Load the key, or raise Refused without a word of it."""
        return cls(app_id, _rsa_key(pem), clock=clock)

    def jwt(self) -> str:
        """Return a JWT that is good for two minutes at the least."""
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._made_at < REUSED:
                claims = {
                    "iat": int(now) - BACKDATED,
                    "exp": int(now) + LIFETIME,
                    "iss": self._app_id,
                }
                self._jwt = jwt.encode(claims, self._key, algorithm="RS256")
                self._made_at = now
            return self._jwt


def _rsa_key(pem: SecretStr) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Refused("the App's private key is no unencrypted RSA key in PEM form")
    return key


class InstallationToken(BaseModel):
    """GitHub's answer; tokens have no fixed length, but must fit into a header."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: Annotated[str, Field(pattern=r"^[!-~]+$", repr=False)]
    expires_at: AwareDatetime

    def fresh(self, now: float) -> bool:
        """Tell whether the token still outlives any call made with it."""
        return self.expires_at.timestamp() - now > TOKEN_MARGIN


class Installation(BaseModel):
    """The App on one account."""

    id: int
    suspended_at: datetime | None = None
