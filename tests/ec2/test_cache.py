"""How answers of EC2 are kept: asked for once, and never in the way of a job."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from runs_fleet.errors import Unavailable
from runs_fleet.providers.ec2.cache import RETRY_AFTER, Cached
from runs_fleet.providers.ec2.tokens import Tokens
from tests.ec2.stubs import Clock

LIMIT = 5.0


class Source:
    """Something slow and fallible to ask."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.was_asked = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked += 1
        self.was_asked.release()
        assert self.may_answer.wait(LIMIT)
        if self.broken:
            raise Unavailable("broken")
        return self.asked


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def eventually(condition: Callable[[], bool]) -> bool:
    tick, deadline = threading.Event(), int(LIMIT / 0.005)
    return any(condition() or tick.wait(0.005) for _ in range(deadline))


def test_an_answer_holds_for_a_while(source: Source, clock: Clock) -> None:
    cached = Cached(source, ttl=60, clock=clock)
    assert [cached.get(), cached.get()] == [1, 1]


def test_all_who_come_first_share_one_question(source: Source, clock: Clock) -> None:
    cached = Cached(source, ttl=60, clock=clock)
    source.may_answer.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(cached.get) for _ in range(8)]
        assert source.was_asked.acquire(timeout=LIMIT)
        source.may_answer.set()
        assert {answer.result(LIMIT) for answer in answers} == {1}
    assert source.asked == 1


def test_a_stale_answer_is_renewed_without_waiting(source: Source, clock: Clock) -> None:
    cached = Cached(source, ttl=60, clock=clock)
    cached.get()
    clock.now += 61
    source.may_answer.clear()
    assert [cached.get(), cached.get()] == [1, 1]
    source.may_answer.set()
    assert eventually(lambda: cached.get() == 2)
    assert source.asked == 2


def test_a_failed_renewal_keeps_the_old_answer(source: Source, clock: Clock) -> None:
    cached = Cached(source, ttl=60, clock=clock)
    cached.get()
    clock.now += 61
    source.broken = True
    assert cached.get() == 1
    assert eventually(lambda: source.asked == 2)
    source.broken = False
    clock.now += RETRY_AFTER + 1
    assert eventually(lambda: cached.get() == 3)


def test_a_first_failure_is_told_and_asked_again(source: Source, clock: Clock) -> None:
    cached = Cached(source, ttl=60, clock=clock)
    source.broken = True
    with pytest.raises(Unavailable):
        cached.get()
    source.broken = False
    assert cached.get() == 2


def test_an_unanswered_token_repeats_its_request() -> None:
    tokens, requests = Tokens(), count()
    asked = [tokens.ask("t", lambda: {"n": next(requests)}) for _ in range(2)]
    assert [(each.request["n"], each.repeated) for each in asked] == [(0, False), (0, True)]


def test_an_answered_token_is_known_but_its_request_is_not() -> None:
    tokens, requests = Tokens(), count()
    tokens.ask("t", lambda: {"n": next(requests)})
    tokens.answered("t")
    again = tokens.ask("t", lambda: {"n": next(requests)})
    assert (again.request["n"], again.repeated) == (1, True)


def test_old_tokens_are_forgotten() -> None:
    tokens = Tokens(most=2)
    for token in "abc":
        tokens.ask(token, dict)
    assert not tokens.ask("a", dict).repeated
