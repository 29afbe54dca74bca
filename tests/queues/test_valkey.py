"""Valkey's own troubles: kills, broken connections, missing groups, full streams, bad senders."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.ports import Letter
from runs_fleet.queues.valkey import StreamInbox, StreamOutbox, connect, outbox_at
from runs_fleet.queues.valkey_fifo import FifoInbox, FifoOutbox
from runs_fleet.queues.valkey_group import ConsumerGroup, message
from simulator.valkey import ValkeyServer
from tests.queues.backends import (
    NEVER,
    SERVERS,
    STREAMS,
    Kind,
    PlainStream,
    binary_of,
    bodies,
    read,
)
from tests.queues.proxy import Proxy

Homes = pytest.TempPathFactory
EVERY_KIND = pytest.mark.parametrize("kind", ["plain", "fifo"])
INBOXES: dict[Kind, type[StreamInbox] | type[FifoInbox]] = {
    "plain": StreamInbox,
    "fifo": FifoInbox,
}
# A read that nothing wakes goes on for the whole wait.
WAIT, WOKEN_WITHIN = 25.0, 20.0
LAST_ID = "18446744073709551615-18446744073709551615"


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: Homes) -> Iterator[ValkeyServer]:
    binary = binary_of(request.param)
    with ValkeyServer(tmp_path_factory.mktemp("valkey"), binary=binary) as running:
        yield running


@pytest.fixture(params=SERVERS)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path, persistent=True, binary=binary_of(request.param)) as running:
        yield running


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    made = connect(server.url, timeout=30)
    yield made
    made.close()


@pytest.fixture
def stream(client: redis.Redis, kind: Kind) -> PlainStream:
    return STREAMS[kind](client, again_after=NEVER)


@pytest.fixture
def plain(client: redis.Redis) -> PlainStream:
    return STREAMS["plain"](client, again_after=NEVER)


@pytest.fixture
def proxy(server: ValkeyServer) -> Iterator[Proxy]:
    with Proxy(server.port) as running:
        yield running


@pytest.fixture
def shaky(proxy: Proxy) -> Iterator[redis.Redis]:
    """A client whose connections break."""
    made = connect(proxy.url, timeout=30)
    yield made
    made.close()


@EVERY_KIND
def test_a_server_killed_loses_nothing_that_it_took(durable: ValkeyServer, kind: Kind) -> None:
    client = connect(durable.url, timeout=30)
    stream = STREAMS[kind](client, again_after=1)
    stream.outbox().send_batch([Letter(each, group=each, key=each) for each in "abc"])
    inbox = stream.inbox("before")
    messages = read(inbox, 3)
    inbox.ack([each.handle for each in messages if each.body == "a"])
    stream.outbox().send("d", group="d", key="d")
    durable.restart()
    assert sorted(set(bodies(read(stream.inbox("after"), 3)))) == ["b", "c", "d"]
    client.close()


def test_a_repeat_is_told_after_a_kill(durable: ValkeyServer) -> None:
    client = connect(durable.url, timeout=30)
    outbox = FifoOutbox(client, "spool")
    outbox.send("once", group="g", key="k")
    durable.restart()
    outbox.send("once", group="g", key="k")
    assert client.xlen("spool") == 1
    client.close()


@EVERY_KIND
def test_what_a_killed_process_held_is_read_by_another(
    server: ValkeyServer, client: redis.Redis, kind: Kind
) -> None:
    stream = STREAMS[kind](client, again_after=1)
    stream.outbox().send("a", group="a", key="a")
    holding = [sys.executable, "-m", "tests.queues.holding", server.url, stream.name, kind]
    with subprocess.Popen(holding, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"a\n"
        reader.kill()
    (again,) = read(stream.inbox("other"), 1)
    assert (again.body, again.receives) == ("a", 2)


@EVERY_KIND
def test_a_reader_that_waits_is_woken_by_a_message(client: redis.Redis, kind: Kind) -> None:
    stream = STREAMS[kind](client, again_after=NEVER)
    inbox = INBOXES[kind](client, stream.name, consumer="one", wait=WAIT)
    sending = threading.Timer(0.2, stream.outbox().send, ["a"], {"group": "a", "key": "a"})
    sending.start()
    began = time.monotonic()
    assert bodies(inbox.read()) == ["a"]
    assert time.monotonic() - began < WOKEN_WITHIN
    sending.join()


@EVERY_KIND
def test_broken_connections_lose_nothing(shaky: redis.Redis, proxy: Proxy, kind: Kind) -> None:
    stream = STREAMS[kind](shaky, again_after=1)
    outbox, inbox = stream.outbox(), stream.inbox()
    outbox.send("a", group="a", key="a")
    proxy.cut()
    outbox.send("b", group="b", key="b")
    proxy.cut()
    messages = read(inbox, 2)
    assert sorted(bodies(messages)) == ["a", "b"]
    proxy.cut()
    inbox.ack([each.handle for each in messages])
    assert stream.held() == 0


@EVERY_KIND
def test_a_read_whose_answer_is_lost_comes_again(
    shaky: redis.Redis, proxy: Proxy, kind: Kind
) -> None:
    stream = STREAMS[kind](shaky, again_after=1)
    inbox = stream.inbox()
    assert inbox.read() == []
    stream.outbox().send("a", group="a", key="a")
    proxy.lose_answers = 1
    assert bodies(read(inbox, 1)) == ["a"]


def test_a_send_whose_answer_is_lost_is_taken_once(shaky: redis.Redis, proxy: Proxy) -> None:
    stream = STREAMS["fifo"](shaky, again_after=NEVER)
    stream.outbox().send("a", group="a", key="a")
    proxy.lose_answers = 1
    stream.outbox().send("b", group="b", key="b")
    assert stream.held() == 2


@EVERY_KIND
@pytest.mark.parametrize("loss", ["XGROUP DESTROY {} runs-fleet", "DEL {}"])
def test_a_group_that_is_missing_is_made_anew(
    client: redis.Redis, stream: PlainStream, loss: str
) -> None:
    inbox, outbox = stream.inbox(), stream.outbox()
    assert inbox.read() == []
    client.eval("return redis.call(unpack(ARGV))", 0, *loss.format(stream.name).split())
    outbox.send("a", group="a", key="a")
    assert bodies(read(inbox, 1)) == ["a"]


def test_hints_beyond_the_bound_push_the_oldest_out(client: redis.Redis) -> None:
    outbox = StreamOutbox(client, "hints", most=100)
    for start in range(0, 1_000, 50):
        outbox.send_batch([Letter(str(n), group="", key="") for n in range(start, start + 50)])
    # Whole nodes of a hundred entries go.
    assert 100 <= client.xlen("hints") <= 300
    newest: Any = client.xrevrange("hints", count=1)
    assert newest[0][1]["body"] == "999"


def test_a_full_spool_refuses_and_keeps_what_it_has(client: redis.Redis) -> None:
    outbox, inbox = FifoOutbox(client, "full", most=2), FifoInbox(client, "full", consumer="one")
    sent = [Letter(each, group=each, key=each) for each in "abc"]
    assert outbox.send_batch(sent) == sent[2:]
    assert outbox.send_batch(sent[:2]) == []
    with pytest.raises(Unavailable, match="full"):
        outbox.send("c", group="c", key="c")
    first, second = read(inbox, 2)
    inbox.ack([first.handle])
    outbox.send("c", group="c", key="c")
    assert (first.body, second.body, bodies(read(inbox, 1))) == ("a", "b", ["c"])


@pytest.mark.parametrize(
    "fields", [{b"body": b"\xff\xfe\x00"}, {b"other": b"x"}, {b"body": b"x", b"group": b""}]
)
def test_whatever_a_sender_writes_can_be_read(
    client: redis.Redis, plain: PlainStream, fields: Any
) -> None:
    client.xadd(plain.name, fields)
    assert len(read(plain.inbox(), 1)) == 1


def test_a_stream_that_its_last_id_has_closed_is_opened_again(
    client: redis.Redis, plain: PlainStream
) -> None:
    plain.inbox().read()
    client.xadd(plain.name, {"body": "spite"}, id=LAST_ID)
    with pytest.raises(Unavailable, match="exhausted"):
        plain.outbox().send("a", group="a", key="a")
    inbox = plain.inbox()
    inbox.read()
    plain.outbox().send("a", group="a", key="a")
    assert bodies(read(inbox, 1)) == ["a"]


@pytest.mark.parametrize("entry_id", [LAST_ID, "9999999999999999-1", "nonsense"])
def test_an_id_that_is_no_time_is_no_trouble(entry_id: str) -> None:
    assert message(entry_id, {}).sent_at is None


def test_consumers_that_are_gone_are_forgotten_unless_they_hold_something(
    client: redis.Redis, plain: PlainStream
) -> None:
    plain.outbox().send("a", group="a", key="a")
    read(plain.inbox("holds"), 1)
    plain.inbox("idle").read()
    ConsumerGroup(client, plain.name).forget_dead_consumers(idle=0)
    left = client.xinfo_consumers(plain.name, "runs-fleet")
    assert [each["name"] for each in left] == ["holds"]


def test_nobody_there_is_told() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        client = connect(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        with pytest.raises(Unavailable, match="send to reports"):
            StreamOutbox(client, "reports").send("a", group="a", key="a")
        client.close()


def test_a_server_that_says_nothing_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout=0.05)
        with pytest.raises(Unavailable, match="send to reports"):
            StreamOutbox(client, "reports").send("a", group="a", key="a")
        client.close()


@pytest.mark.parametrize(
    "address",
    [
        "redis://runner:secret@host:6379/0",
        "redis://runner:secret@host:6379/0?stream=",
        "redis://runner:secret@host:port/0?stream=reports",
        "redis://runner:secret@[host/0?stream=reports",
        "http://runner:secret@host/0?stream=reports",
        "secret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(Refused) as refused:
        outbox_at(address)
    assert "secret" not in str(refused.value)
