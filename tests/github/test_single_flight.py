"""One fetch for all, whatever becomes of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.github.single_flight import SingleFlight


class Source:
    """Something slow; `error` is what comes of it instead of a value."""

    def __init__(self) -> None:
        self.asked = Event()
        self.go = Event()
        self.fetches = 0
        self.error: BaseException | None = None

    def fetch(self, key: str) -> str:
        self.fetches += 1
        self.asked.set()
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return f"{key}-{self.fetches}"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def values(source: Source) -> SingleFlight[str, str]:
    return SingleFlight(source.fetch, fresh=lambda value: value != "stale-1")


@pytest.fixture
def many(
    source: Source, values: SingleFlight[str, str]
) -> Iterator[Callable[[], list["Future[str]"]]]:
    """Let one lead, have nine follow, and then let the source answer."""
    with ThreadPoolExecutor(10) as pool:

        def ask() -> list["Future[str]"]:
            leader = pool.submit(values.get, "a")
            assert source.asked.wait(10)
            followers = [pool.submit(values.get, "a") for _ in range(9)]
            source.go.set()
            return [leader, *followers]

        yield ask


def test_one_fetches_for_all(many: Callable[[], list["Future[str]"]], source: Source) -> None:
    assert {one.result(10) for one in many()} == {"a-1"}
    assert source.fetches == 1


def test_a_failure_is_not_remembered(values: SingleFlight[str, str], source: Source) -> None:
    source.go.set()
    source.error = Refused("no")
    with pytest.raises(Refused):
        values.get("a")
    source.error = None
    assert values.get("a") == "a-2"


def test_who_leads_and_is_stopped_does_not_stop_the_others(
    values: SingleFlight[str, str], source: Source
) -> None:
    source.error = KeyboardInterrupt()
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(values.get, "a")
        assert source.asked.wait(10)
        [flight] = values._flights.values()
        source.go.set()
        assert isinstance(leader.exception(10), KeyboardInterrupt)
        assert isinstance(flight.exception(10), Unavailable)


def test_what_is_no_longer_fresh_is_fetched_again(
    values: SingleFlight[str, str], source: Source
) -> None:
    source.go.set()
    assert values.get("stale") == "stale-1"
    assert values.get("stale") == "stale-2"
    assert values.get("stale") == "stale-2"


def test_only_the_value_that_turned_out_bad_is_dropped(
    values: SingleFlight[str, str], source: Source
) -> None:
    source.go.set()
    bad = values.get("a")
    values.drop("a", bad)
    better = values.get("a")
    values.drop("a", bad)
    assert values.get("a") is better
