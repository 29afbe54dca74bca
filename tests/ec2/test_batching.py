"""Requests of many threads become few calls."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from runs_fleet.budget import Budget
from runs_fleet.errors import FleetError, NoCapacity, RateLimited, Refused, Unavailable
from runs_fleet.providers.ec2.batching import Gathering, Pace
from tests.simulator.waiting import until

PATIENCE = 30.0
# Longer than a loaded machine takes to start a few threads.
TOGETHER = Pace(quiet=0.5, longest=10, patience=PATIENCE)


class Service:
    """Answers what it is asked with the same in capitals, and remembers who came together."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.error: BaseException | None = None
        self.refused: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, asked: Sequence[str]) -> Sequence[str | FleetError]:
        self.calls.append(list(asked))
        assert self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        return [NoCapacity(each) if each in self.refused else each.upper() for each in asked]


class Steps:
    """Time for one call at a time, until it runs."""

    def __init__(self) -> None:
        self.now, self.runs = 0.0, False

    def __call__(self) -> float:
        self.now += float(self.runs)
        return self.now

    def step(self) -> None:
        self.now += 0.05


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def gathering(
    service: Service, *, pace: Pace = TOGETHER, budget: Budget | None = None, most: int = 10
) -> Gathering[str, str]:
    return Gathering[str, str](
        service,
        room=lambda asked: min(len(asked), most),
        budget=budget or Budget("calls", burst=1000, rate=1000),
        pace=pace,
    )


def ask(
    threads: ThreadPoolExecutor,
    to: Gathering[str, str],
    *asked: str,
    kind: str = "",
    share: str = "",
) -> list[Future[str]]:
    return [threads.submit(to.ask, each, kind=kind, share=share) for each in asked]


def results(futures: Sequence[Future[str]]) -> list[str]:
    return [each.result(PATIENCE) for each in futures]


def test_a_lone_request_is_one_call(service: Service) -> None:
    assert gathering(service, pace=Pace()).ask("a") == "A"
    assert service.calls == [["a"]]


def test_what_comes_together_is_one_call(service: Service, threads: ThreadPoolExecutor) -> None:
    asked = [f"r{number}" for number in range(8)]
    assert results(ask(threads, gathering(service), *asked)) == [each.upper() for each in asked]
    assert [sorted(call) for call in service.calls] == [asked]


def test_what_asks_for_something_else_is_another_call(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    to = gathering(service)
    asked = [*ask(threads, to, "a", "b", kind="x"), *ask(threads, to, "c", "d", kind="y")]
    assert results(asked) == ["A", "B", "C", "D"]
    assert sorted(sorted(call) for call in service.calls) == [["a", "b"], ["c", "d"]]


def test_no_call_is_fuller_than_there_is_room(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    asked = [f"r{number:02}" for number in range(25)]
    assert len(results(ask(threads, gathering(service), *asked))) == 25
    assert max(len(call) for call in service.calls) <= 10
    assert sorted(each for call in service.calls for each in call) == asked


def test_a_full_call_waits_for_nobody(service: Service, threads: ThreadPoolExecutor) -> None:
    for_ever = Pace(quiet=PATIENCE, longest=PATIENCE, patience=PATIENCE)
    asked = ask(threads, gathering(service, pace=for_ever, most=2), *"abcd")
    assert [each.result(PATIENCE / 2) for each in asked] == ["A", "B", "C", "D"]


def test_each_gets_its_own_answer(service: Service, threads: ThreadPoolExecutor) -> None:
    service.refused = {"b"}
    a, b, c = ask(threads, gathering(service), "a", "b", "c")
    assert results([a, c]) == ["A", "C"]
    with pytest.raises(NoCapacity):
        b.result(PATIENCE)


@pytest.mark.parametrize("error", [Unavailable("no answer"), Refused("no right")])
def test_what_befalls_the_call_befalls_all(
    service: Service, threads: ThreadPoolExecutor, error: FleetError
) -> None:
    service.error = error
    asked = ask(threads, gathering(service), "a", "b", "c")
    assert [each.exception(PATIENCE) for each in asked] == [error] * 3


def test_who_is_stopped_during_the_call_stops_and_the_others_hear_of_it(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    service.error = KeyboardInterrupt()
    asked = ask(threads, gathering(service), "a", "b", "c")
    told = Counter(type(each.exception(PATIENCE)) for each in asked)
    assert told == {KeyboardInterrupt: 1, Unavailable: 2}


def test_while_the_budget_is_empty_nothing_is_called_and_all_hear_so(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    empty = Budget("calls", burst=0.5, rate=0.001)
    hasty = Pace(quiet=0.01, longest=0.02, patience=0.05)
    asked = ask(threads, gathering(service, budget=empty, pace=hasty), "a", "b", "c")
    assert {type(each.exception(PATIENCE)) for each in asked} == {RateLimited}
    assert service.calls == []


def test_a_single_request_waits_for_no_more_than_a_call_of_a_large_matrix(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    service.gate.clear()
    budget = Budget("calls", burst=1, rate=2)
    to = gathering(service, budget=budget, most=4, pace=Pace(patience=PATIENCE))
    matrix = [f"m{number:02}" for number in range(40)]
    asked = ask(threads, to, *matrix, share="acme/matrix")
    [single] = ask(threads, to, "single", share="octo/one")
    service.gate.set()
    assert single.result(PATIENCE) == "SINGLE"
    before = next(n for n, call in enumerate(service.calls) if "single" in call)
    # One call was out, and one may have been on its way, before the single one came.
    assert before <= 2
    assert len(results(asked)) == 40


def test_a_matrix_of_500_delays_a_single_request_for_another_machine_by_a_launch(
    service: Service,
) -> None:
    clock, in_line = Steps(), set[str]()

    def weigh(share: str) -> float:
        in_line.add(share)
        return 1.0

    to = Gathering[str, str](
        service,
        room=lambda asked: min(len(asked), 18),
        budget=Budget("calls", burst=1, rate=20, clock=clock),
        pace=Pace(quiet=0.001, patience=PATIENCE),
        weight=weigh,
    )
    with ThreadPoolExecutor(501) as many:
        matrix = [f"m{number:03}" for number in range(500)]
        asked = ask(many, to, *matrix, kind="large", share="acme/matrix")
        until(lambda: len(service.calls) == 1)
        [single] = ask(many, to, "single", kind="small", share="octo/one")
        until(lambda: "octo/one" in in_line)
        clock.step()
        until(lambda: len(service.calls) == 2)
        clock.step()
        until(lambda: len(service.calls) == 3)
        clock.runs = True
        assert (single.result(PATIENCE), len(results(asked))) == ("SINGLE", 500)
    assert ["single"] in service.calls[1:3]


def test_each_is_told_beforehand_who_goes_together(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    told = dict[str, list[str]]()
    to = gathering(service)

    def ask_and_note(name: str) -> str:
        return to.ask(name, prepare=lambda together: told.update({name: list(together)}))

    asked = [threads.submit(ask_and_note, each) for each in "abc"]
    assert results(asked) == ["A", "B", "C"]
    assert told == dict.fromkeys("abc", service.calls[0])


def test_who_is_stopped_before_the_call_keeps_nobody_waiting(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    to = gathering(service)

    def stop(_: Sequence[str]) -> None:
        raise Unavailable("stopped")

    stopped = [threads.submit(to.ask, each, prepare=stop) for each in "ab"]
    assert {type(each.exception(PATIENCE)) for each in stopped} == {Unavailable}
    assert to.ask("c") == "C"


def test_what_is_not_wanted_any_more_is_not_called(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    to = gathering(service)
    unwanted = [threads.submit(to.ask, each, wanted=lambda: False) for each in "ab"]
    assert results(ask(threads, to, "c", "d")) == ["C", "D"]
    assert {type(each.exception(PATIENCE)) for each in unwanted} == {NoCapacity}
    assert sorted(each for call in service.calls for each in call) == ["c", "d"]


def test_when_nobody_wants_anything_nothing_is_called(
    service: Service, threads: ThreadPoolExecutor
) -> None:
    to = gathering(service)
    unwanted = [threads.submit(to.ask, each, wanted=lambda: False) for each in "abc"]
    assert {type(each.exception(PATIENCE)) for each in unwanted} == {NoCapacity}
    assert service.calls == []
    assert to.ask("d") == "D"
