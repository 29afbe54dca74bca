"""Many members at once: few calls, and the trouble of one is not that of the others."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier

import pytest

from runs_fleet.errors import FleetError, NoCapacity, RateLimited, Unavailable
from simulator.aws.models import CapacityRule, Fault, Throttle
from tests.ec2.warming import Yard, a_runner, member_order, yard

__all__ = ["yard"]
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session"),
]
MANY = 30
PATIENCE = 120.0


def at_once(do: Callable[[str], object], machine_ids: Sequence[str]) -> dict[str, str]:
    """Do it to all at the same time; tell whose went wrong, and how."""
    ready = Barrier(len(machine_ids))

    def together(machine_id: str) -> object:
        ready.wait(PATIENCE)
        return do(machine_id)

    with ThreadPoolExecutor(len(machine_ids)) as threads:
        futures = {each: threads.submit(together, each) for each in machine_ids}
    return {each: name for each, done in futures.items() if (name := _error(done))}


def _error(done: Future[object]) -> str:
    error = done.exception(PATIENCE)
    assert error is None or isinstance(error, FleetError)
    return type(error).__name__ if error else ""


def taking(yard: Yard) -> Callable[[str], None]:
    return lambda machine_id: yard.warm.take(machine_id, runner=a_runner(), start=True)


def test_a_burst_of_claims_is_few_calls(yard: Yard) -> None:
    members, starts = yard.stopped(MANY), yard.counted("StartInstances")
    assert at_once(taking(yard), members) == {}
    assert starts() <= MANY / 2, "one, unless this computer is very busy"
    for each in members:
        yard.wait_for(each, "running")
    assert len({yard.tags(each)["runs-fleet:runner"] for each in members}) == MANY


def test_real_buckets_hold_a_burst(yard: Yard) -> None:
    members = yard.stopped(MANY)
    yard.world.throttle(Throttle(action="StartInstances", burst=5, refill=2.0))
    assert at_once(taking(yard), members) == {}


def test_many_members_are_stopped_at_once(yard: Yard) -> None:
    members = [yard.running().machine.machine_id for _ in range(9)]
    assert at_once(yard.warm.stop, members) == {}
    for each in members:
        yard.wait_for(each, "stopped")


def test_one_that_is_gone_holds_nobody_up(yard: Yard) -> None:
    *good, gone = yard.stopped(5)
    yard.warm.remove("", gone)
    absent = "i-0123456789abcdef0"
    errors = at_once(taking(yard), [*good, gone, absent])
    assert errors == {gone: "NoCapacity", absent: "NoCapacity"}


def test_one_that_is_stopping_holds_nobody_up(yard: Yard) -> None:
    good, slow = yard.stopped(4), yard.running().machine.machine_id
    yard.world.pull(stop_seconds=600.0)
    yard.warm.stop(slow)
    assert at_once(taking(yard), [*good, slow]) == {slow: "Unavailable"}


def test_of_a_full_market_as_many_start_as_there_is_room_for(yard: Yard) -> None:
    members = yard.stopped(4)
    used = {(m.market, m.machine_type, m.zone) for m in yard.world.machines()
            if m.machine_id in members}  # fmt: skip
    for market, machine_type, zone in used:
        alive = [
            m for m in yard.world.machines()
            if (m.market, m.machine_type, m.zone) == (market, machine_type, zone)
            and m.state in ("pending", "running")
        ]  # fmt: skip
        yard.world.capacity(
            CapacityRule(
                market=market, instance_type=machine_type, zone=zone, capacity=len(alive) + 3
            )
        )
    errors = at_once(taking(yard), members)
    assert list(errors.values()) == ["NoCapacity"] * (4 - 3 * len(used))


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("RequestLimitExceeded", 503, RateLimited),
        ("InternalError", 500, Unavailable),
        ("InsufficientInstanceCapacity", 500, NoCapacity),
    ],
)
def test_a_call_that_fails_says_what_to_do(
    yard: Yard, code: str, status: int, error: type[FleetError]
) -> None:
    [machine_id] = yard.stopped()
    yard.world.fault(Fault(action="StartInstances", kind="error", code=code, status=status))
    with pytest.raises(error):
        yard.warm.take(machine_id, runner=a_runner(), start=True)
    assert yard.state(machine_id) == "stopped"


def test_a_start_whose_answer_is_lost_is_found_by_the_next_try(yard: Yard) -> None:
    [machine_id], runner = yard.stopped(), a_runner()
    yard.world.fault(Fault(action="StartInstances", kind="lost_answer"))
    with pytest.raises(Unavailable):
        yard.warm.take(machine_id, runner=runner, start=True)
    yard.warm.take(machine_id, runner=runner, start=True)
    assert yard.tags(machine_id)["runs-fleet:runner"] == runner


def test_more_launches_than_the_budget_has_wait_for_another_try(yard: Yard) -> None:
    warm = yard.process(launches=2)
    errors = at_once(lambda _: warm.launch(member_order(pool="burst")), list("abcdefghij"))
    assert set(errors.values()) == {"RateLimited"}
    assert len(warm.members("burst")) == 10 - len(errors)
