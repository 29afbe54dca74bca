"""The chart's Valkey: its configuration and users, given to a real server."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from runs_fleet.queues.valkey import REPORTS, SPOOL, StreamInbox, connect, outbox_at
from runs_fleet.queues.valkey_fifo import FifoInbox, FifoOutbox
from runs_fleet.settings import K8sSettings, load_worker
from simulator.valkey import ValkeyServer
from tests.helm.chart import Helm, Objects, resolved
from tests.queues.backends import read

# Where files are and who listens is the test's.
PLACES = {"port", "dir", "aclfile"}


@pytest.fixture(scope="module")
def objects(helm: Helm) -> Objects:
    return helm.template("both")


@pytest.fixture(scope="module")
def server(objects: Objects, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    users = objects.one("Secret", "fleet")["stringData"]["users.acl"].splitlines()
    lines = objects.one("ConfigMap", "valkey")["data"]["valkey.conf"].splitlines()
    options = [part for line in lines for part in option(line)]
    home = tmp_path_factory.mktemp("valkey")
    with ValkeyServer(home, users=users, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def settings(
    objects: Objects, server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> K8sSettings:
    given = resolved(objects, "worker-k8s", tmp_path_factory.mktemp("files"))
    settings = load_worker({**given, "RUNS_FLEET_VALKEY_URL": server.url})
    assert isinstance(settings, K8sSettings)
    return settings


@pytest.fixture(scope="module")
def fleet(settings: K8sSettings) -> Iterator[redis.Redis]:
    assert settings.valkey_password is not None
    client = connect(
        settings.valkey_url,
        username=settings.valkey_username,
        password=settings.valkey_password.get_secret_value(),
    )
    yield client
    client.close()


def option(line: str) -> list[str]:
    name, *values = shlex.split(line)
    return [] if name in PLACES else [f"--{name}", *values]


def test_a_runner_reports_to_the_worker(settings: K8sSettings, fleet: redis.Redis) -> None:
    outbox = outbox_at(settings.runner_reports().get_secret_value())
    outbox.send("ready", group="g", key="k")
    outbox.close()
    inbox = StreamInbox(fleet, REPORTS, consumer="worker", wait=0.05)
    (message,) = read(inbox, 1)
    inbox.ack([message.handle])
    assert message.body == "ready"


def test_the_api_hands_the_worker_what_waits_for_temporal(fleet: redis.Redis) -> None:
    FifoOutbox(fleet, SPOOL).send("queued", group="1", key="a")
    inbox = FifoInbox(fleet, SPOOL, consumer="worker", wait=0.05)
    (message,) = read(inbox, 1)
    inbox.ack([message.handle])
    assert message.body == "queued"


def test_a_runner_may_do_nothing_else(settings: K8sSettings) -> None:
    with redis.Redis.from_url(
        settings.runner_reports().get_secret_value().partition("?")[0]
    ) as own:
        with pytest.raises(NoPermissionError):
            own.xrange(REPORTS)
        with pytest.raises(NoPermissionError):
            own.xadd(SPOOL, {"body": "x"})


def test_who_has_no_password_may_do_nothing(server: ValkeyServer) -> None:
    with (
        redis.Redis.from_url(server.url) as stranger,
        pytest.raises((NoPermissionError, AuthenticationError)),
    ):
        stranger.xlen(REPORTS)


@pytest.mark.parametrize(
    "line",
    ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "maxmemory 256mb"],
)
def test_the_spool_is_kept(objects: Objects, line: str) -> None:
    assert line in objects.one("ConfigMap", "valkey")["data"]["valkey.conf"].splitlines()


def test_the_server_writes_what_it_is_told_to_a_disk(server: ValkeyServer) -> None:
    assert list(Path(server.home, "appendonlydir").iterdir())
