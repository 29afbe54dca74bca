"""What every queue promises, whatever carries it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from runs_fleet.ports import Letter
from tests.queues.backends import (
    BACKENDS,
    NEVER,
    PATIENCE,
    SOON,
    Kind,
    Make,
    Queue,
    bodies,
    opened,
    read,
)
from tests.simulator.waiting import until

Homes = pytest.TempPathFactory
EVERY_KIND = pytest.mark.parametrize("kind", ["plain", "fifo"])


@pytest.fixture(scope="module", params=BACKENDS)
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    yield from opened(request.param, tmp_path_factory.mktemp("queues"))


@pytest.fixture
def queue(make: Make, kind: Kind) -> Queue:
    """A queue whose messages do not come again during a test."""
    return make(kind, NEVER)


@pytest.fixture
def hasty(make: Make, kind: Kind) -> Queue:
    """A queue whose messages come again after a second."""
    return make(kind, SOON)


@pytest.fixture
def fifo(make: Make) -> Queue:
    return make("fifo", NEVER)


def letters(*texts: str) -> list[Letter]:
    """Letters whose first character names their group."""
    return [Letter(text, group=text[0], key=text) for text in texts]


@EVERY_KIND
def test_what_is_sent_is_read(queue: Queue) -> None:
    queue.outbox().send('{"kind": "ready"}', group="a", key="a:ready")
    (message,) = read(queue.inbox(), 1)
    assert (message.body, message.receives) == ('{"kind": "ready"}', 1)
    assert message.sent_at is not None
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=2)


@EVERY_KIND
def test_what_is_sent_at_once_is_read(queue: Queue) -> None:
    assert queue.outbox().send_batch(letters(*"abcdefghij")) == []
    assert sorted(bodies(read(queue.inbox(), 10))) == sorted("abcdefghij")


@EVERY_KIND
def test_an_empty_queue_is_a_normal_answer(queue: Queue) -> None:
    assert queue.inbox().read() == []


@EVERY_KIND
@pytest.mark.parametrize("text", ["x" * 200, "a b", "ü", ""], ids=["long", "two", "umlaut", "none"])
def test_any_group_and_key_will_do(queue: Queue, text: str) -> None:
    queue.outbox().send("bödy", group=text, key=text)
    assert bodies(read(queue.inbox(), 1)) == ["bödy"]


@EVERY_KIND
def test_what_is_acknowledged_is_gone(queue: Queue) -> None:
    queue.outbox().send_batch(letters(*"abcdefghij"))
    inbox = queue.inbox()
    inbox.ack([each.handle for each in read(inbox, 10)])
    assert queue.held() == 0


@EVERY_KIND
def test_acknowledging_nothing_or_twice_is_a_success(queue: Queue) -> None:
    queue.outbox().send("a", group="a", key="a")
    inbox = queue.inbox()
    handles = [each.handle for each in read(inbox, 1)]
    inbox.ack([])
    inbox.ack(handles)
    inbox.ack(handles)


@EVERY_KIND
def test_a_message_that_is_worked_on_is_nobody_elses(queue: Queue) -> None:
    queue.outbox().send("a", group="a", key="a")
    read(queue.inbox("one"), 1)
    assert queue.inbox("other").read() == []


@EVERY_KIND
def test_what_a_dead_reader_held_is_read_by_another(hasty: Queue) -> None:
    hasty.outbox().send("a", group="a", key="a")
    read(hasty.inbox("dead"), 1)
    (message,) = read(hasty.inbox("other"), 1)
    assert (message.body, message.receives) == ("a", 2)


@EVERY_KIND
def test_a_message_that_nobody_understands_becomes_a_dead_letter(hasty: Queue) -> None:
    hasty.outbox().send("poison", group="a", key="a")
    inbox = hasty.inbox()
    assert [each.receives for each in read(inbox, 2)] == [1, 2]
    until(lambda: inbox.read() == [] and hasty.dead() == ["poison"], within=PATIENCE)
    assert hasty.held() == 0


def test_a_group_is_in_order_and_told(fifo: Queue) -> None:
    fifo.outbox().send_batch(letters("a1", "b1", "a2", "b2", "a3"))
    messages = read(fifo.inbox(), 5)
    assert bodies([each for each in messages if each.group == "a"]) == ["a1", "a2", "a3"]
    assert bodies([each for each in messages if each.group == "b"]) == ["b1", "b2"]


@pytest.mark.parametrize("reader", ["same", "other"])
def test_the_next_of_a_group_waits_for_its_last(fifo: Queue, reader: str) -> None:
    outbox, inbox = fifo.outbox(), fifo.inbox("same")
    outbox.send("a1", group="a", key="a1")
    (first,) = read(inbox, 1)
    outbox.send_batch(letters("a2", "b1"))
    later = fifo.inbox(reader)
    assert bodies(read(later, 1)) == ["b1"]
    assert later.read() == []
    inbox.ack([first.handle])
    assert bodies(read(later, 1)) == ["a2"]


def test_what_comes_again_comes_before_the_rest_of_its_group(make: Make) -> None:
    queue = make("fifo", SOON)
    queue.outbox().send_batch(letters("a1", "a2"))
    read(queue.inbox("dead"), 2)
    queue.outbox().send("a3", group="a", key="a3")
    assert bodies(read(queue.inbox("other"), 3))[:3] == ["a1", "a2", "a3"]


def test_a_repeat_is_told_by_its_key(fifo: Queue) -> None:
    outbox = fifo.outbox()
    outbox.send("once", group="a", key="a")
    assert outbox.send_batch([Letter("once", group="a", key="a"), *letters("b")]) == []
    assert fifo.held() == 2


def test_a_repeat_of_what_was_handled_is_told_too(fifo: Queue) -> None:
    inbox, outbox = fifo.inbox(), fifo.outbox()
    outbox.send("once", group="a", key="a")
    inbox.ack([each.handle for each in read(inbox, 1)])
    outbox.send("once", group="a", key="a")
    assert inbox.read() == []


def test_however_many_read_each_group_is_in_order_and_nothing_comes_twice(fifo: Queue) -> None:
    sent = [f"{group}{number}" for number in range(4) for group in "abcdefghijklmno"]
    outbox, inboxes = fifo.outbox(), [fifo.inbox(name) for name in ("one", "two", "three")]
    rounds = (outbox.send_batch(letters(*sent[n : n + 10])) for n in range(0, len(sent), 10))
    assert list(chain.from_iterable(rounds)) == []
    handled = list[str]()

    def all_handled() -> bool:
        for inbox, read_by_it in [(inbox, inbox.read()) for inbox in inboxes]:
            handled.extend(bodies(read_by_it))
            inbox.ack([each.handle for each in read_by_it])
        return len(handled) >= len(sent)

    until(all_handled, within=PATIENCE)
    assert sorted(handled, key=lambda body: body[0]) == sorted(sent, key=lambda body: body[0])
