"""Who may do what at Valkey, asked of the servers themselves."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from redis.exceptions import NoPermissionError

from runs_fleet.errors import Refused
from runs_fleet.queues import valkey_users
from runs_fleet.queues.valkey import REPORTS, SPOOL, StreamInbox, StreamOutbox, connect, outbox_at
from runs_fleet.queues.valkey_fifo import FifoInbox, FifoOutbox
from runs_fleet.queues.valkey_group import ConsumerGroup
from simulator.valkey import ValkeyServer
from tests.queues.backends import SERVERS, binary_of, bodies, read

# What a URL has to spell otherwise.
RUNNER_PASSWORD, FLEET_PASSWORD = "a:b/c@d e?f", "the fleet's own"
USERS = valkey_users.file(
    valkey_users.runner("runner", RUNNER_PASSWORD), valkey_users.fleet("fleet", FLEET_PASSWORD)
).splitlines()
Homes = pytest.TempPathFactory
Attempt = Callable[[redis.Redis], Any]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: Homes) -> Iterator[ValkeyServer]:
    home = tmp_path_factory.mktemp("users")
    with ValkeyServer(home, users=USERS, binary=binary_of(request.param)) as running:
        yield running


@pytest.fixture
def runner(server: ValkeyServer) -> Iterator[redis.Redis]:
    client = connect(server.url, username="runner", password=RUNNER_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def fleet(server: ValkeyServer) -> Iterator[redis.Redis]:
    client = connect(server.url, username="fleet", password=FLEET_PASSWORD)
    yield client
    client.close()


def test_a_runner_reports_by_the_address_it_is_given(
    server: ValkeyServer, fleet: redis.Redis
) -> None:
    place = f"runner:{quote(RUNNER_PASSWORD, safe='')}@127.0.0.1:{server.port}"
    outbox = outbox_at(f"redis://{place}/0?stream={REPORTS}")
    outbox.send("ready", group="g", key="k")
    outbox.close()
    inbox = StreamInbox(fleet, REPORTS, consumer="worker", wait=0.05)
    (message,) = read(inbox, 1)
    inbox.ack([message.handle])
    assert message.body == "ready"


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(lambda c: c.xadd(SPOOL, {"body": "x"}), id="another stream"),
        pytest.param(lambda c: c.xadd("other", {"body": "x"}), id="another name"),
        pytest.param(lambda c: c.xread({REPORTS: "0"}), id="xread"),
        pytest.param(lambda c: c.xrange(REPORTS), id="xrange"),
        pytest.param(lambda c: c.xlen(REPORTS), id="xlen"),
        pytest.param(lambda c: c.xinfo_stream(REPORTS), id="xinfo"),
        pytest.param(lambda c: c.xtrim(REPORTS, maxlen=0), id="xtrim"),
        pytest.param(lambda c: c.xgroup_create(REPORTS, "mine", mkstream=True), id="xgroup"),
        pytest.param(lambda c: c.delete(REPORTS), id="del"),
        pytest.param(lambda c: c.keys("*"), id="keys"),
        pytest.param(lambda c: c.get("x"), id="get"),
        pytest.param(lambda c: c.set("x", "y"), id="set"),
        pytest.param(lambda c: c.flushall(), id="flushall"),
        pytest.param(lambda c: c.config_get("*"), id="config"),
        pytest.param(lambda c: c.execute_command("ACL", "LIST"), id="acl"),
        pytest.param(lambda c: c.client_list(), id="client"),
        pytest.param(lambda c: c.eval("return 1", 0), id="eval"),
        pytest.param(lambda c: c.publish("x", "y"), id="publish"),
        pytest.param(lambda c: c.info(), id="info"),
        pytest.param(lambda c: c.execute_command("SELECT", 1), id="select"),
    ],
)
def test_a_runner_may_do_nothing_else(runner: redis.Redis, attempt: Attempt) -> None:
    with pytest.raises(NoPermissionError):
        attempt(runner)


def test_a_permission_that_is_missing_is_told_as_such(runner: redis.Redis) -> None:
    with pytest.raises(Refused) as refused:
        FifoOutbox(runner, SPOOL).send("x", group="g", key="k")
    assert refused.value.forbidden


@pytest.mark.parametrize(
    ("username", "password"), [("", ""), ("runner", "wrong"), ("nobody", FLEET_PASSWORD)]
)
def test_whoever_has_not_logged_in_is_refused(
    server: ValkeyServer, username: str, password: str
) -> None:
    client = connect(server.url, username=username, password=password)
    with pytest.raises(Refused) as refused:
        StreamOutbox(client, REPORTS).send("x", group="g", key="k")
    client.close()
    assert refused.value.forbidden
    assert "wrong" not in str(refused.value)


def test_the_fleet_may_do_what_its_queues_need(fleet: redis.Redis) -> None:
    outbox, inbox = FifoOutbox(fleet, SPOOL), FifoInbox(fleet, SPOOL, consumer="w", wait=0.05)
    outbox.send("x", group="g", key="k")
    messages = read(inbox, 1)
    inbox.ack([each.handle for each in messages])
    plain = StreamInbox(fleet, REPORTS, consumer="w", wait=0.05)
    StreamOutbox(fleet, REPORTS).send("y", group="", key="")
    group = ConsumerGroup(fleet, REPORTS)
    (read_by_it,) = read(plain, 1)
    group.bury(read_by_it, {"body": "y"})
    group.forget_dead_consumers()
    group.mend()
    assert (bodies(messages), fleet.xlen(f"{REPORTS}:dead")) == (["x"], 1)


def test_the_fleet_has_no_business_elsewhere(fleet: redis.Redis) -> None:
    with pytest.raises(NoPermissionError):
        fleet.set("somebody:else", "x")


def test_the_page_shows_these_users() -> None:
    lines = [re.sub("#[0-9a-f]{64}", "#<sha256>", line) for line in USERS]
    assert "\n".join(lines) in (Path(__file__).parents[2] / "docs" / "valkey.md").read_text()


def test_no_password_stands_in_the_file() -> None:
    text = "\n".join(USERS)
    assert RUNNER_PASSWORD not in text
    assert hashlib.sha256(RUNNER_PASSWORD.encode()).hexdigest() in text
