"""The App's identity: what the JWT says, and what it costs."""

from time import process_time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.types import Options
from pydantic import SecretStr

from runs_fleet.errors import Refused
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.models import Scope
from tests.github.scripted import Clock, ScriptedGitHub


def claims(token: str, pem: SecretStr) -> dict[str, object]:
    key = serialization.load_pem_private_key(pem.get_secret_value().encode(), None)
    assert isinstance(key, RSAPrivateKey)
    unchecked = Options(verify_exp=False, verify_iat=False)
    return jwt.decode(token, key.public_key(), algorithms=["RS256"], options=unchecked)


def later(app: AppKey, clock: Clock) -> str:
    clock.now += 500
    return app.jwt()


def test_the_jwt_is_what_github_accepts(app: AppKey, pem: SecretStr, clock: Clock) -> None:
    told = claims(app.jwt(), pem)
    assert told == {"iss": "4711", "iat": int(clock.now) - 60, "exp": int(clock.now) + 540}


def test_a_jwt_is_used_for_seven_minutes(app: AppKey, clock: Clock) -> None:
    first = app.jwt()
    clock.now += 419
    assert app.jwt() == first
    clock.now += 2
    assert app.jwt() != first


def test_a_clock_set_back_makes_a_new_jwt(app: AppKey, clock: Clock) -> None:
    first = app.jwt()
    clock.now -= 100
    assert app.jwt() != first


def test_the_key_is_loaded_once(pem: SecretStr, clock: Clock) -> None:
    app = AppKey.from_pem("4711", pem, clock=clock)
    before = process_time()
    assert len({later(app, clock) for _ in range(20)}) == 20
    # Reading PEM would take 20 times 70 ms.
    assert process_time() - before < 0.5


def test_tokens_are_asked_for_with_the_jwt(
    client: GitHubClient, github: ScriptedGitHub, app: AppKey
) -> None:
    client.delete_runner(Scope(repo="octocat/hello", installation_id=7), 1)
    [seen] = github.asked("POST /app/installations/7/access_tokens")
    assert seen.bearer == app.jwt()


def elliptic() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key at all",
        "-----BEGIN RSA PRIVATE KEY-----\nTUlJRQ==\n-----END RSA PRIVATE KEY-----",
        elliptic(),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(Refused, match="no unencrypted RSA key") as caught:
        AppKey.from_pem("4711", SecretStr(text))
    assert caught.value.__cause__ is None
