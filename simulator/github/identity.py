"""Who is asking: the app by its JWT, an installation by its token."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from simulator.github.bodies import number
from simulator.github.timers import Clock

LONGEST_JWT = 600
EVENTS = ("workflow_job",)
FULL = {
    "actions": "write",
    "administration": "write",
    "checks": "write",
    "metadata": "read",
    "organization_hooks": "write",
    "organization_self_hosted_runners": "write",
    "statuses": "write",
}


class Denied(Exception):
    """Who is asking is not who they should be."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class AppSecrets:
    """What GitHub knows of our app: its id, its public key, and what signs its webhooks."""

    app_id: int
    public_key: bytes = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Account:
    """An owner whose repositories our app is installed on."""

    login: str
    org: bool
    installation_id: int


@dataclass
class Token:
    """An installation token and what it may do."""

    value: str
    account: Account
    expires_at: float
    permissions: Mapping[str, str]
    repositories: frozenset[str] | None = None
    revoked: bool = False

    def may(self, permission: str, level: str) -> bool:
        """Tell whether the token has a permission at this level."""
        held = self.permissions.get(permission)
        return held in (level, "write")


class Apps:
    """One app, its public key, its installations and their tokens."""

    def __init__(self, clock: Clock, rng: random.Random, *, app: AppSecrets) -> None:
        self.app_id, self._clock, self._rng = app.app_id, clock, rng
        self._key: Any = load_pem_public_key(app.public_key)
        self.accounts: dict[str, Account] = {}
        self.repos: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}

    def install(self, repo: str, *, org: bool) -> Account:
        """Make sure that the app is installed where this repository is."""
        owner = repo.partition("/")[0]
        if owner.lower() not in self.accounts:
            installation = 20_000_000 + number(owner) % 10_000_000
            self.accounts[owner.lower()] = Account(owner, org, installation)
        self.repos[repo.lower()] = self.accounts[owner.lower()]
        return self.accounts[owner.lower()]

    def uninstall(self, owner: str) -> None:
        """Take the app away from an owner, with its tokens."""
        account = self.accounts.pop(owner.lower(), None)
        self.repos = {repo: held for repo, held in self.repos.items() if held != account}
        for token in self.tokens.values():
            token.revoked = token.revoked or token.account == account

    def by_id(self, installation_id: int) -> Account | None:
        """Find an installation."""
        found = (a for a in self.accounts.values() if a.installation_id == installation_id)
        return next(found, None)

    def check_jwt(self, bearer: str) -> None:
        """Check the app's JWT as GitHub does. Raises Denied.

        https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
        """
        try:
            # Times are checked below, against our own clock and in GitHub's words.
            claims = jwt.decode(
                bearer, self._key, algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            raise Denied(401, "A JSON web token could not be decoded") from None
        self._check_times(claims)
        if str(claims.get("iss")) != str(self.app_id):
            raise Denied(404, "Integration not found")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, issued, expires = self._clock(), claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or issued > now + 1:
            text = "must be an Integer representing the time that the assertion was issued"
            raise Denied(401, f"'Issued at' claim ('iat') {text}")
        if not isinstance(expires, int | float) or expires <= now:
            text = "must be a numeric value representing the future time at which the assertion"
            raise Denied(401, f"'Expiration time' claim ('exp') {text} expires")
        if expires > now + LONGEST_JWT:
            raise Denied(401, "'Expiration time' claim ('exp') is too far in the future")

    def mint(
        self, account: Account, *, ttl: float, permissions: Mapping[str, str] | None,
        repositories: frozenset[str] | None,
    ) -> Token:  # fmt: skip
        """Issue a token of the long, stateless-looking form."""
        expires = self._clock() + ttl
        claims = {"iss": "github", "sub": account.login, "exp": expires, "jti": self._nonce()}
        tail = jwt.encode(claims, self._nonce())
        value = f"ghs_{self.app_id}_{tail}"
        token = Token(value, account, expires, permissions or FULL, repositories)
        self.tokens[value] = token
        return token

    def check_token(self, bearer: str) -> Token:
        """Find a token that is good now. Raises Denied."""
        token = self.tokens.get(bearer)
        if token is None or token.revoked or token.expires_at <= self._clock():
            raise Denied(401, "Bad credentials")
        return token

    def revoke(self) -> int:
        """Make every token worthless at once."""
        good = [token for token in self.tokens.values() if not token.revoked]
        for token in good:
            token.revoked = True
        return len(good)

    def _nonce(self) -> str:
        return self._rng.randbytes(32).hex()
