"""A scripted GitHub, and a client that talks to it."""

import re
import traceback
from collections.abc import Callable, Iterator
from time import time

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from pydantic import SecretStr

from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from tests.github.scripted import JIT, Clock, ScriptedGitHub, serving

SECRET = re.compile(rf"ghs_4711|{re.escape(JIT)}|eyJhbGci|PRIVATE KEY")


@pytest.fixture(scope="session")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def pem(key: RSAPrivateKey) -> SecretStr:
    return SecretStr(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
    )


@pytest.fixture
def clock() -> Clock:
    return Clock(time())


@pytest.fixture
def github(clock: Clock, caplog: pytest.LogCaptureFixture) -> Iterator[ScriptedGitHub]:
    caplog.set_level("DEBUG")
    with serving(ScriptedGitHub(clock)) as server:
        yield server
    assert not SECRET.search(caplog.text), "a secret was logged"


@pytest.fixture
def calls() -> list[tuple[str, str, int]]:
    return []


@pytest.fixture
def app(key: RSAPrivateKey, clock: Clock) -> AppKey:
    return AppKey("4711", key, clock=clock)


@pytest.fixture
def api(
    github: ScriptedGitHub, app: AppKey, clock: Clock, calls: list[tuple[str, str, int]]
) -> Iterator[GitHubApi]:
    def count(method: str, route: str, status: int) -> None:
        calls.append((method, route, status))

    # Plain HTTP needs no certificates, and reading them takes longer than a test.
    http = httpx.Client(verify=False, timeout=10)
    api = GitHubApi(github.url, app, http=http, clock=clock, on_call=count)
    yield api
    api.close()


@pytest.fixture
def client(api: GitHubApi) -> GitHubClient:
    return GitHubClient(api)


@pytest.fixture
def told() -> Callable[[BaseException], str]:
    """Return all that an error tells, with its causes."""

    def tell(error: BaseException) -> str:
        return "".join(traceback.format_exception(error)) + repr(error)

    return tell
