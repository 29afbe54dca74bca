"""Books in which a pool breaks a promise are noticed, and those in which none does are not."""

from typing import Any

import pytest

from runs_fleet import models
from runs_fleet.outcomes import Attempt
from simulator.chaos.breaches import Breach
from simulator.chaos.evidence import OVER, Evidence, Life
from simulator.chaos.invariants import broken
from simulator.chaos.machines import Left, Machine
from tests.chaos.books import (
    JOB,
    OURS,
    at,
    evidence,
    job,
    life,
    loss,
    machine,
    runner,
    runner_name,
)

MEMBER = "runs-fleet-pool-warm-s000001-{}"
EARS = "runs-fleet-pool-ears-s000001-1"
BUSY_STOP: dict[str, Any] = {
    "times": (
        ("running", at(1).timestamp()),
        ("stopping", at(3).timestamp()),
        ("shutting-down", at(5).timestamp()),
    )
}
EARLY_STOP: dict[str, Any] = {
    "times": (
        ("running", at(0).timestamp()),
        ("stopping", at(1).timestamp()),
        ("running", at(1.9).timestamp()),
        ("shutting-down", at(5).timestamp()),
    )
}


def member(number: int, begun: float = 0, over: float = 9, **facts: Any) -> Machine:
    """A machine of the pool, for some seconds."""
    times: dict[str, Any] = {"began": at(begun).timestamp(), "ended": at(over).timestamp()}
    usual: dict[str, Any] = {
        "machine_id": f"i-m{number}",
        "runner": "",
        "state": "terminated",
        "cause": OURS,
        "pool": "warm",
        "member": MEMBER.format(number),
    }
    return Machine(**{**usual, **times, **facts})


def pod(number: int, begun: float, struck: float, *, over: float, **facts: Any) -> Machine:
    """A runner's pod that has the pool's volume."""
    ends = (("running", at(begun).timestamp()), ("ended", at(over).timestamp()))
    usual: dict[str, Any] = {"machine_id": f"pod-{number}", "runner": runner_name(number)}
    usual |= {"pool": "", "member": "", "volumes": ("cache-0",), "times": ends}
    return member(number, begun, struck, **{**usual, **facts})


def held(job_id: int, *machine_ids: str) -> Life:
    """A lifecycle whose attempts had these machines, one after the other."""
    attempts = tuple(
        Attempt(
            number=number,
            runner=runner_name(job_id, number),
            machine=models.Machine(
                machine_id=name, machine_type="c7i.large", market=models.Market.ON_DEMAND
            ),
            cause="job_done",
        )
        for number, name in enumerate(machine_ids, 1)
    )
    return life(job_id, attempts=attempts)


def pooled(*machines: Machine, most: int = 2, **facts: Any) -> Evidence:
    """A world with a pool, which has ended."""
    usual: dict[str, Any] = {"maxes": {"warm": most}, "managers": {"warm": OVER}}
    return evidence(**{**usual, "machines": (machine(), *machines), **facts})


def on_members(*runners: str, **facts: Any) -> Evidence:
    """A world in which jobs ran on these runners."""
    jobs = [job(JOB + place, run_id=place, runners=(name,)) for place, name in enumerate(runners)]
    return evidence(*jobs, maxes={"ears": 2}, managers={"ears": OVER}, **facts)


LISTENER = member(1, pool="ears", member=EARS)
FINE = {
    "a pool at its max": pooled(member(1), member(2)),
    "one member after the other": pooled(member(1, 0, 3), member(2, 3, 6), most=1),
    "another pool's machines": pooled(member(1), member(2, pool="ears"), most=1),
    "a machine that is nobody's member": pooled(member(1), member(2, member=""), most=1),
    "free members without a runner": pooled(member(1, 0, 3), member(2, 2, 6)),
    "two listeners with a job each": on_members(
        f"{EARS}-m1",
        f"{EARS[:-1]}2-m1",
        machines=(LISTENER, member(2, pool="ears", member=f"{EARS[:-1]}2")),
    ),
    "two jobs with a machine each": pooled(lives={7: held(7, "i-1"), 8: held(8, "i-2")}),
    "a machine that was stopped before its job": pooled(
        machines=(machine(member=MEMBER.format(1), **EARLY_STOP),)
    ),
    "a busy machine that the chaos took": pooled(
        machines=(machine(**BUSY_STOP),), deeds=(loss(seconds=2.5),)
    ),
    "a volume lent to one after the other": pooled(
        machines=(pod(1, 1, 2, over=3), pod(2, 3, 4, over=5))
    ),
    "a volume of a pod that never ran": pooled(
        machines=(pod(1, 1, 2, over=5), pod(2, 3, 4, over=5, ran=False))
    ),
}
BROKEN: dict[str, tuple[Evidence, Breach]] = {
    "a pool above its max": (pooled(member(1), member(2), member(3, 4, 5)), "pool"),
    "a pool above its max by one that has a job": (
        pooled(member(1), member(2), member(3, runner=runner_name(9))),
        "pool",
    ),
    "a pool above its max for ever": (pooled(member(1), member(2, over=99), most=1), "pool"),
    "a listener that served two jobs": (
        on_members(f"{EARS}-m1", f"{EARS}-m2", machines=(LISTENER,)),
        "pool",
    ),
    "a member that served a claim and a job of GitHub's choice": (
        on_members(
            f"{EARS}-m1",
            runner_name(8),
            machines=(member(1, pool="ears", member=EARS, runner=runner_name(8)),),
        ),
        "pool",
    ),
    "a machine given to two jobs": (pooled(lives={7: held(7, "i-1"), 8: held(8, "i-1")}), "pool"),
    "a machine given to one job twice": (pooled(lives={7: held(7, "i-1", "i-1")}), "pool"),
    "a member with two machines": (
        pooled(member(1), member(1, machine_id="i-twin")),
        "duplicated",
    ),
    "a volume lent to two at once": (
        pooled(machines=(pod(1, 1, 4, over=4), pod(2, 3, 6, over=6))),
        "pool",
    ),
    "a volume lent while a pod was being ended": (
        pooled(machines=(pod(1, 1, 2, over=4), pod(2, 3, 6, over=6))),
        "pool",
    ),
    "a machine that was stopped in its job": (
        pooled(machines=(machine(**BUSY_STOP),)),
        "busy_killed",
    ),
    "a listener that was stopped in its job": (
        on_members(f"{EARS}-m1", machines=(LISTENER.model_copy(update=BUSY_STOP),)),
        "busy_killed",
    ),
    "a member that is left": (pooled(member(1, ended=None, state="running")), "orphaned"),
    "a listener's registration that is left": (
        pooled(runners=(runner().model_copy(update={"name": f"{EARS}-m1", "removed_at": None}),)),
        "orphaned",
    ),
    "a member's queue that is left": (
        pooled(left=(Left(kind="queue", name="runs-fleet-default-standby-i-1"),)),
        "orphaned",
    ),
    "a Deployment that is left": (
        pooled(left=(Left(kind="deployment", name="runs-fleet-pool-room"),)),
        "orphaned",
    ),
    "a manager that does not end": (pooled(managers={"warm": "running"}), "unexplained"),
    "a manager that failed": (pooled(managers={"warm": "failed"}), "unexplained"),
    "a pool that did not get back to its targets": (
        pooled(short={"warm": "hot: {}; Throttled"}),
        "pool",
    ),
}


@pytest.mark.parametrize("world", FINE.values(), ids=FINE)
def test_a_pool_in_order_breaks_nothing(world: Evidence) -> None:
    assert broken(world) == []


@pytest.mark.parametrize(("world", "breach"), BROKEN.values(), ids=BROKEN)
def test_a_pools_broken_promise_is_noticed(world: Evidence, breach: Breach) -> None:
    assert breach in {one.breach for one in broken(world)}


def test_a_listener_lost_in_its_job_is_known_by_its_member() -> None:
    lost = job(runners=(f"{EARS}-m1",), conclusion="failure", completed_at=at(6))
    world = evidence(
        lost,
        machines=(LISTENER,),
        deeds=(loss("member_loss", 3, LISTENER.machine_id),),
    )
    assert world.plainly_lost_to_chaos(lost)
    assert world.machines_of(f"{EARS}-m1") == [LISTENER]


def test_a_pool_above_its_max_tells_when() -> None:
    [found] = broken(pooled(member(1), member(2, 4), most=1))
    assert found.words == "pool warm had 2 machines after 4.00 s, its max is 1"
