"""A queue by itself: order, flight, return, repeats, graves."""

import threading

import pytest

from simulator.aws.queue import Message, Queue

STANDARD, FIFO = False, True


def bodies(queue: Queue, *, most: int = 10, visibility: float = 30.0) -> list[str]:
    return [m.body for m in queue.receive(most=most, wait=0, visibility=visibility)]


@pytest.mark.parametrize("fifo", [STANDARD, FIFO])
def test_messages_come_in_order(fifo: bool) -> None:
    queue = Queue(fifo=fifo)
    for body in "abc":
        queue.send(Message(body, "group"))
    assert bodies(queue) == ["a", "b", "c"]


def test_a_group_waits_while_one_of_it_is_in_flight() -> None:
    queue = Queue(fifo=True)
    queue.send(Message("first", "one"))
    queue.send(Message("second", "one"))
    queue.send(Message("other", "two"))
    (first,) = queue.receive(most=1, wait=0, visibility=30)
    assert bodies(queue) == ["other"]
    queue.delete(first.handle)
    assert bodies(queue) == ["second"]


def test_a_message_that_is_not_deleted_comes_back_in_its_place() -> None:
    queue = Queue(fifo=True)
    queue.send(Message("first", "one"))
    queue.send(Message("second", "one"))
    assert bodies(queue, most=1, visibility=0) == ["first"]
    assert bodies(queue) == ["first", "second"]


def test_a_message_can_be_hidden_longer_or_shown_at_once() -> None:
    queue = Queue(fifo=False)
    queue.send(Message("a"))
    (message,) = queue.receive(most=1, wait=0, visibility=30)
    assert queue.change_visibility(message.handle, 60)
    assert bodies(queue) == []
    assert queue.change_visibility(message.handle, 0)
    assert bodies(queue) == ["a"]


def test_an_old_handle_deletes_nothing() -> None:
    queue = Queue(fifo=False)
    queue.send(Message("a"))
    (message,) = queue.receive(most=1, wait=0, visibility=0)
    old = message.handle
    assert bodies(queue, visibility=0) == ["a"]
    queue.delete(old)
    assert bodies(queue) == ["a"]


def test_a_repeat_is_the_first_message() -> None:
    queue = Queue(fifo=True)
    first = queue.send(Message("a", "one", dedup="x"))
    assert queue.send(Message("a", "one", dedup="x")) is first
    assert bodies(queue) == ["a"]


def test_a_message_received_too_often_goes_to_its_grave() -> None:
    queue, grave = Queue(fifo=False), Queue(fifo=False)
    queue.most_receives = 2
    queue.dead_letters = lambda: grave
    queue.send(Message("poison"))
    seen = [bodies(queue, visibility=0) for _ in range(3)]
    assert seen == [["poison"], ["poison"], []]
    assert bodies(grave) == ["poison"]


def test_a_long_poll_ends_with_the_first_message() -> None:
    queue = Queue(fifo=False)
    threading.Timer(0.05, lambda: queue.send(Message("late"))).start()
    assert [m.body for m in queue.receive(most=1, wait=5, visibility=30)] == ["late"]


def test_a_long_poll_sees_a_delayed_message() -> None:
    queue = Queue(fifo=False)
    queue.send(Message("later", delay=0.05))
    assert bodies(queue) == []
    assert [m.body for m in queue.receive(most=1, wait=5, visibility=30)] == ["later"]


def test_the_depth_counts_what_waits_and_what_flies() -> None:
    queue = Queue(fifo=True)
    for body in "abc":
        queue.send(Message(body, body))
    bodies(queue, most=1)
    assert queue.depth() == (2, 1)
    queue.purge()
    assert queue.depth() == (0, 0)
