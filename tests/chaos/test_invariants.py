"""Books in which a promise is broken are noticed, and those in which none is are not."""

from typing import Any

import pytest

from simulator.chaos.evidence import Evidence, Life
from simulator.chaos.invariants import Breach, broken
from simulator.chaos.machines import Left
from tests.chaos.books import (
    JOB,
    OURS,
    SERVER_LOSS,
    at,
    deed,
    evidence,
    job,
    life,
    loss,
    machine,
    runner,
    runner_name,
)

LOST = job(conclusion="failure", completed_at=at(6))
LOST_RUNNER = runner(lost_busy_at=at(3.1), removed_how="lease_lost", removed_at=at(6))
LOSS = loss()
GONE = machine(cause=SERVER_LOSS)
SPARED = ("runs-fleet=1/cpu=2/rerun=false",)
AGAIN = job(8, run_attempt=2)
THIRD = job(9, run_attempt=3)
LATER: dict[str, Any] = {"began": at(6).timestamp(), "ended": at(8).timestamp()}
OVERLAPPING: dict[str, Any] = {"began": at(4).timestamp(), "ended": at(8).timestamp()}
RUNNING: dict[str, Any] = {"state": "running", "ended": None}
STRUCK: dict[str, Any] = {"cause": "Deleted", "busy": True, "ended": at(3).timestamp()}
DARK = runner(removed_at=None)


def lost(*more: object, **facts: Any) -> Evidence:
    """A world in which the job's machine was taken in the middle of the job."""
    jobs = [one for one in (LOST, *more) if isinstance(one, type(LOST))]
    usual: dict[str, Any] = {"runners": (LOST_RUNNER,), "deeds": (LOSS,), "machines": (GONE,)}
    return evidence(*jobs, **{**usual, **facts})


FINE = {
    "all went well": evidence(),
    "somebody else's job never ran": evidence(job(), job(8, labels=("ubuntu",), status="queued")),
    "a lost job ran again": lost(AGAIN),
    "a lost job was not to run again": evidence(
        LOST.model_copy(update={"labels": SPARED}),
        runners=(LOST_RUNNER,),
        deeds=(LOSS,),
        machines=(GONE,),
    ),
    "a cancelled job": evidence(
        job(conclusion="cancelled", runners=()), deeds=(deed("cancellation", str(JOB)),)
    ),
    "a job that was over before anybody heard of it": evidence(lives={JOB: Life(status="absent")}),
    "a job carried over by a re-run": evidence(
        job(), job(8, carried_over=True, run_attempt=2, conclusion="failure", runners=())
    ),
    "a machine after one that had died": evidence(
        machines=(machine(), machine(machine_id="i-next", **LATER))
    ),
    "a job that killed itself stays failed": lost(deeds=(loss("oom_kill"),)),
    "a job that had killed itself before its node was lost": lost(
        deeds=(loss("oom_kill"), loss("node_loss", 3.5))
    ),
    "a job that had killed itself before its node was lost ran again": lost(
        AGAIN, deeds=(loss("oom_kill"), loss("node_loss", 3.5))
    ),
    "a job lost with a node that was drained ran again": lost(AGAIN, deeds=(loss("drain"),)),
    "a busy machine ended by the chaos": evidence(
        machines=(machine(**STRUCK),), deeds=(loss("preemption", 2.5),)
    ),
    "a busy machine ended after its job was cancelled": evidence(
        machines=(machine(**STRUCK),), deeds=(deed("cancellation", str(JOB)),)
    ),
    "a pod made twice of which one was never started": evidence(
        machines=(machine(), machine(machine_id="i-twin", ran=False, **OVERLAPPING))
    ),
    "a machine taken after its job's end": evidence(deeds=(loss("spot_loss", 4.5),)),
}
BROKEN: dict[str, tuple[Evidence, Breach]] = {
    "a job that waits for ever": (evidence(job(status="queued", conclusion=None)), "lost"),
    "a job that failed without a runner": (
        evidence(job(conclusion="failure", runners=())),
        "lost",
    ),
    "a lost job that did not run again": (lost(), "lost"),
    "a lost job that was killed once more and did not run again": (
        lost(deeds=(LOSS, loss("oom_kill", 3.5))),
        "lost",
    ),
    "a job that ran on two runners": (
        evidence(job(runners=(runner_name(7), runner_name(8)))),
        "duplicated",
    ),
    "a job that ran again though it had not failed": (evidence(job(), AGAIN), "duplicated"),
    "a job that ran again and again": (
        lost(AGAIN.model_copy(update={"conclusion": "failure"}), THIRD),
        "duplicated",
    ),
    "a machine with a twin": (
        evidence(machines=(machine(), machine(machine_id="i-twin", **OVERLAPPING))),
        "duplicated",
    ),
    "a machine that is left": (evidence(machines=(machine(**RUNNING),)), "orphaned"),
    "a registration that is left": (evidence(runners=(DARK,)), "orphaned"),
    "a parameter that is left": (
        evidence(left=(Left(kind="parameter", name="/runs-fleet/i-1"),)),
        "orphaned",
    ),
    "a runner that was ended while it worked, though its job is said to have gone well": (
        evidence(machines=(machine(**STRUCK),)),
        "busy_killed",
    ),
    "a job run again that had killed itself": (
        lost(AGAIN, deeds=(loss("oom_kill"),)),
        "duplicated",
    ),
    "a runner ended in its job": (
        evidence(job(conclusion="failure"), machines=(machine(cause=OURS),)),
        "busy_killed",
    ),
    "a runner cut off in its job": (evidence(runners=(LOST_RUNNER,)), "busy_killed"),
    "a runner cut off before the chaos came": (
        lost(AGAIN, deeds=(loss(seconds=3.5),)),
        "busy_killed",
    ),
    "a fault that was missed excuses nothing": (
        lost(AGAIN, deeds=(loss(missed=True),)),
        "busy_killed",
    ),
    "a lifecycle that does not end": (
        evidence(lives={JOB: life().model_copy(update={"status": "running"})}),
        "unexplained",
    ),
    "a lifecycle that failed": (
        evidence(lives={JOB: Life(status="ended badly: boom")}),
        "unexplained",
    ),
    "an end without a state": (evidence(lives={JOB: life(state="")}), "unexplained"),
    "an attempt without a cause": (evidence(lives={JOB: life(cause="")}), "unexplained"),
    "a worker that died by itself": (evidence(crashes=("worker 0 ended",)), "unexplained"),
    "a reply unlike GitHub's": (evidence(violations=("no such field",)), "contract"),
}


@pytest.mark.parametrize("world", FINE.values(), ids=FINE)
def test_a_world_in_order_breaks_nothing(world: Evidence) -> None:
    assert broken(world) == []


@pytest.mark.parametrize(("world", "breach"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_noticed(world: Evidence, breach: Breach) -> None:
    assert breach in {one.breach for one in broken(world)}


def test_a_breach_names_the_job_that_tells_its_story() -> None:
    [found] = broken(lost())
    assert (found.job_id, found.words) == (JOB, "job 7 was lost and did not run again")
