"""A schedule is a pure function of its seed."""

import pytest

from simulator.chaos.schedule import JOBS_OF_A_THEFT, KILLS, KINDS, plan

SEEDS = range(1, 41)


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_a_seed_always_means_the_same(seed: int) -> None:
    assert plan(seed, 100) == plan(seed, 100)


def test_two_seeds_mean_two_things() -> None:
    assert len({plan(seed, 25) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("jobs", [25, 100])
def test_every_seed_has_every_kind_of_fault(jobs: int) -> None:
    wanted = {kind.name for kind in KINDS}
    assert all({act.kind for act in plan(seed, jobs).acts} == wanted for seed in SEEDS)


def test_twenty_seeds_have_every_variant_of_every_fault() -> None:
    drawn = {(act.kind, act.what) for seed in range(1, 21) for act in plan(seed, 100).acts}
    assert drawn == {(kind.name, what) for kind in KINDS for what in kind.whats}


@pytest.mark.parametrize("jobs", [12, 25, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_schedule_sends_as_many_jobs_as_asked(seed: int, jobs: int) -> None:
    found = plan(seed, jobs)
    thefts = sum(act.kind == "theft" for act in found.acts)
    sent = sum(len(send.run.jobs) for send in found.sends)
    assert sent + JOBS_OF_A_THEFT * thefts == jobs


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_happens_in_the_window_and_in_order(seed: int) -> None:
    found = plan(seed, 50)
    times = [act.at for act in found.acts]
    assert times == sorted(times)
    assert all(0 <= at < found.window for at in [*times, *(send.at for send in found.sends)])


def test_whatever_is_killed_is_started_again_in_time_for_the_rest() -> None:
    kinds = {kind.name for kind in KILLS}
    kills = [act for act in plan(4, 100).acts if act.kind in kinds]
    assert all(0 < act.seconds <= 3 and act.at + act.seconds < 40 for act in kills)
