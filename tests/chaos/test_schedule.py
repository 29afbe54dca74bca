"""A schedule is a pure function of its seed."""

import hashlib

import pytest

from runs_fleet.models import Mode
from simulator.chaos import pools
from simulator.chaos.kinds import KILLS, KINDS
from simulator.chaos.schedule import (
    JOBS_OF_A_LATE_ANSWER,
    JOBS_OF_A_THEFT,
    Schedule,
    kinds_of,
    plan,
)

SEEDS = range(1, 41)
MODES: tuple[Mode, ...] = ("ec2", "k8s")
in_each_mode = pytest.mark.parametrize("mode", MODES)


def digest(found: Schedule) -> str:
    """Boil a schedule down to what a reader of published figures would want to see again."""
    acts = [(act.at, act.kind, act.what, act.seconds, act.draw) for act in found.acts]
    sends = [
        (send.at, send.run.repo, job.name, job.labels, job.seconds, job.kind)
        for send in found.sends
        for job in send.run.jobs
    ]
    return hashlib.sha256(repr((acts, sends)).encode()).hexdigest()[:16]


@in_each_mode
@pytest.mark.parametrize("seed", [1, 2, 77])
def test_a_seed_always_means_the_same(seed: int, mode: Mode) -> None:
    assert plan(seed, 100, mode) == plan(seed, 100, mode)


@pytest.mark.parametrize(
    ("seed", "jobs", "known"),
    [(1, 100, "9c0d7c4671f6e6fc"), (7, 25, "1492d510ddd7e03f"), (20, 100, "634aaeaad69acf79")],
)
def test_published_seeds_can_be_played_again(seed: int, jobs: int, known: str) -> None:
    assert digest(plan(seed, jobs)) == known


@in_each_mode
def test_two_seeds_mean_two_things(mode: Mode) -> None:
    assert len({plan(seed, 25, mode) for seed in SEEDS}) == len(SEEDS)


@in_each_mode
@pytest.mark.parametrize("jobs", [25, 100])
def test_every_seed_has_every_kind_of_fault(jobs: int, mode: Mode) -> None:
    wanted = {kind.name for kind in KINDS[mode]}
    assert all({act.kind for act in plan(seed, jobs, mode).acts} == wanted for seed in SEEDS)


@in_each_mode
def test_twenty_seeds_have_every_variant_of_every_fault(mode: Mode) -> None:
    drawn = {(act.kind, act.what) for seed in range(1, 21) for act in plan(seed, 100, mode).acts}
    assert drawn == {(kind.name, what) for kind in KINDS[mode] for what in kind.whats}


@in_each_mode
@pytest.mark.parametrize("jobs", [12, 25, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_schedule_sends_as_many_jobs_as_asked(seed: int, jobs: int, mode: Mode) -> None:
    found = plan(seed, jobs, mode)
    thefts = sum(act.kind == "theft" for act in found.acts)
    sent = sum(len(send.run.jobs) for send in found.sends)
    assert sent + JOBS_OF_A_THEFT * thefts == jobs


@in_each_mode
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_happens_in_the_window_and_in_order(seed: int, mode: Mode) -> None:
    found = plan(seed, 50, mode)
    times = [act.at for act in found.acts]
    assert times == sorted(times)
    assert all(0 <= at < found.window for at in [*times, *(send.at for send in found.sends)])


@in_each_mode
def test_whatever_is_killed_is_started_again_in_time_for_the_rest(mode: Mode) -> None:
    kinds, found = {kind.name for kind in KILLS[mode]}, plan(4, 100, mode)
    kills = [act for act in found.acts if act.kind in kinds]
    assert all(0 < act.seconds <= 3 and act.at + act.seconds < found.window for act in kills)


@in_each_mode
def test_a_world_with_pools_has_every_kind_of_fault_and_more(mode: Mode) -> None:
    wanted = {kind.name for kind in kinds_of(mode, pools=True)}
    assert wanted > {kind.name for kind in KINDS[mode]}
    planned = [plan(seed, 25, mode, pools=True) for seed in SEEDS]
    assert all({act.kind for act in found.acts} == wanted for found in planned)


@in_each_mode
def test_twenty_seeds_have_every_variant_of_trouble_with_pools(mode: Mode) -> None:
    planned = [plan(seed, 100, mode, pools=True) for seed in range(1, 21)]
    drawn = {(act.kind, act.what) for found in planned for act in found.acts}
    assert drawn == {
        (kind.name, what) for kind in kinds_of(mode, pools=True) for what in kind.whats
    }


@in_each_mode
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_jobs_ask_the_pools_that_there_are_and_others_ask_none(seed: int, mode: Mode) -> None:
    found = plan(seed, 50, mode, pools=True)
    labels = {job.labels[0] for send in found.sends for job in send.run.jobs}
    assert labels & set(pools.LABELS[mode])
    assert labels - set(pools.LABELS[mode])


@in_each_mode
def test_a_schedule_with_pools_sends_as_many_jobs_as_asked(mode: Mode) -> None:
    found = plan(3, 50, mode, pools=True)
    brought = {"theft": JOBS_OF_A_THEFT, "answer_late": JOBS_OF_A_LATE_ANSWER}
    sent = sum(len(send.run.jobs) for send in found.sends)
    assert sent + sum(brought.get(act.kind, 0) for act in found.acts) == 50


@in_each_mode
def test_the_pools_of_a_world_are_well_defined(mode: Mode) -> None:
    defined = pools.Pools(mode).definitions
    assert [each.mode for each in defined] == [mode] * len(defined)
    assert all(
        any(f"pool={each.name}" in label for label in pools.LABELS[mode]) for each in defined
    )
