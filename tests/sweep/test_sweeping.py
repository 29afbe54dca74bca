"""What a sweep may put right, and what it never may."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet import names, sweeping
from runs_fleet.census import (
    FoundRegistration,
    HeldConfig,
    OwnedMachine,
    OwnerState,
    Place,
    Roll,
    WaitingJob,
)
from runs_fleet.models import Machine, Registration, Scope
from runs_fleet.outcomes import Attempt

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AGE = 5 * MINUTE
NOBODY = Roll()


def machine(job: int, *, number: int = 1, age: timedelta = timedelta(hours=1)) -> OwnedMachine:
    return OwnedMachine(
        machine_id=f"i-{job}{number}",
        runner=names.runner(job, number),
        repo="acme/app",
        launched_at=NOW - age,
    )


def unclaimed(*machines: OwnedMachine, roll: Roll = NOBODY) -> list[OwnedMachine]:
    return sweeping.unclaimed(machines, roll, now=NOW, min_age=AGE)


def test_nothing_is_ripe_at_first_sight() -> None:
    seen = sweeping.twice({}, ["a"], now=NOW)
    assert seen.ripe == ()
    assert seen.suspects == {"a": NOW}


def test_what_is_seen_again_is_ripe() -> None:
    before = sweeping.twice({}, ["a", "b"], now=NOW).suspects
    assert sweeping.twice(before, ["b", "c"], now=NOW + MINUTE).ripe == ("b",)


def test_what_is_seen_again_too_soon_waits() -> None:
    before = sweeping.twice({}, ["a"], now=NOW, wait=AGE).suspects
    assert sweeping.twice(before, ["a"], now=NOW + MINUTE, wait=AGE).ripe == ()
    assert sweeping.twice(before, ["a"], now=NOW + AGE, wait=AGE).ripe == ("a",)


def test_what_disappeared_between_is_a_new_suspect() -> None:
    first = sweeping.twice({}, ["a"], now=NOW)
    second = sweeping.twice(first.suspects, [], now=NOW + MINUTE)
    assert sweeping.twice(second.suspects, ["a"], now=NOW + 2 * MINUTE).ripe == ()


def test_what_works_is_left_alone_for_a_while() -> None:
    suspects = sweeping.rested({"a": NOW}, ["a"], NOW + 10 * MINUTE)
    assert sweeping.twice(suspects, ["a"], now=NOW + 9 * MINUTE).ripe == ()
    assert sweeping.twice(suspects, ["a"], now=NOW + 10 * MINUTE).ripe == ("a",)


@given(
    st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=12),
    st.integers(0, 20),
)
def test_ripe_is_only_what_two_passes_in_a_row_have_seen(passes: list[set[str]], wait: int) -> None:
    suspects: Mapping[str, datetime] = {}
    before: set[str] = set()
    for number, present in enumerate(passes):
        now = NOW + number * MINUTE
        seen = sweeping.twice(suspects, sorted(present), now=now, wait=wait * MINUTE)
        assert set(seen.ripe) <= present & before
        assert set(seen.suspects) == present
        suspects, before = seen.suspects, present


def test_what_is_suspected_is_bounded() -> None:
    seen = sweeping.twice({}, map(str, range(5000)), now=NOW)
    assert len(seen.suspects) == sweeping.MOST_SUSPECTS


@pytest.mark.parametrize(
    ("one", "roll", "suspect"),
    [
        pytest.param(machine(7), Roll(), True, id="owner not on the roll"),
        pytest.param(machine(7), Roll(machines={7: ""}), False, id="owner open"),
        pytest.param(machine(7, age=4 * MINUTE), Roll(), False, id="young"),
        pytest.param(
            machine(7).model_copy(update={"runner": "bastion"}), Roll(), False, id="not a runner"
        ),
        pytest.param(machine(7).model_copy(update={"runner": ""}), Roll(), False, id="no name"),
    ],
)
def test_a_machine_is_suspect_when_nobody_claims_it(
    one: OwnedMachine, roll: Roll, suspect: bool
) -> None:
    assert (unclaimed(one, roll=roll) == [one]) is suspect


@pytest.mark.parametrize(
    ("states", "orphan"),
    [
        ({7: "closed"}, True),
        ({7: "absent"}, True),
        ({7: "open"}, False),
        ({}, False),
        ({8: "closed"}, False),
    ],
)
def test_unknown_never_means_terminate(states: dict[int, OwnerState], orphan: bool) -> None:
    assert (sweeping.ownerless([machine(7)], states) == [machine(7)]) is orphan


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), max_size=20),
    st.dictionaries(st.integers(1, 9), st.sampled_from(["open", "closed", "absent"])),
    st.sets(st.integers(1, 9)),
)
def test_no_machine_of_an_open_or_unknown_owner_is_ever_an_orphan(
    fleet: list[tuple[int, int]], states: dict[int, OwnerState], rolled: set[int]
) -> None:
    machines = [machine(job, age=age * MINUTE) for job, age in fleet]
    candidates = unclaimed(*machines, roll=Roll(machines=dict.fromkeys(rolled, "")))
    orphans = sweeping.ownerless(candidates, states)
    owners = {sweeping.owner_of(each.runner) for each in orphans}
    assert all(states.get(owner or 0) in ("closed", "absent") for owner in owners)
    assert all(each.launched_at <= NOW - AGE for each in orphans)
    assert not owners & rolled


def attempt(number: int = 1, *, has: str = "", gone: bool = False) -> Attempt:
    return Attempt(
        number=number,
        runner=names.runner(7, number),
        machine=Machine(machine_id=has) if has else None,
        ended_at=NOW if gone else None,
    )


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [
        pytest.param([attempt(has="i-71")], "keep", id="held by its owner"),
        pytest.param([attempt()], "keep", id="its order is out"),
        pytest.param([], "keep", id="unheard of"),
        pytest.param([attempt(2, has="i-72")], "keep", id="of an attempt unheard of"),
        pytest.param([attempt(has="i-0")], "unregistered", id="twin of the known one"),
        pytest.param([attempt(has="i-71", gone=True)], "guarded", id="taken for gone"),
        pytest.param([attempt(gone=True), attempt(2, has="i-72")], "guarded", id="showed late"),
    ],
)
def test_a_stray_is_judged_by_what_its_owner_knows(
    attempts: list[Attempt], verdict: sweeping.StrayVerdict
) -> None:
    assert sweeping.stray(machine(7), attempts) == verdict


@pytest.mark.parametrize(
    ("known", "suspect"), [("i-71", False), ("i-99", True), ("", True), (None, False)]
)
def test_a_stray_is_a_machine_whose_open_owner_shows_another(
    known: str | None, suspect: bool
) -> None:
    roll = Roll(machines={} if known is None else {7: known})
    found = sweeping.strays([machine(7)], roll, now=NOW, min_age=AGE)
    assert bool(found) is suspect


@pytest.mark.parametrize(
    ("roll", "missing"),
    [
        pytest.param(Roll(machines={7: "i-71"}), {}, id="alive"),
        pytest.param(Roll(machines={7: "i-99"}), {"i-99": 7}, id="gone"),
        pytest.param(Roll(machines={7: ""}), {}, id="has none yet"),
        pytest.param(Roll(machines={7: "i-99"}, settled=(7,)), {}, id="job has succeeded"),
    ],
)
def test_a_machine_is_missed_when_its_job_still_needs_it(
    roll: Roll, missing: dict[str, int]
) -> None:
    assert sweeping.missing(roll, [machine(7)]) == missing


@pytest.mark.parametrize(
    ("machine_id", "age", "left"),
    [("i-71", 9 * MINUTE, False), ("i-99", 9 * MINUTE, True), ("i-99", MINUTE, False)],
)
def test_a_config_is_left_behind_when_its_machine_is_gone(
    machine_id: str, age: timedelta, left: bool
) -> None:
    held = HeldConfig(machine_id=machine_id, written_at=NOW - age)
    found = sweeping.left_behind([held], [machine(7)], now=NOW, min_age=AGE)
    assert found == [machine_id] * left


@pytest.mark.parametrize(
    ("runner", "online", "busy", "suspect"),
    [
        ("runs-fleet-7-1", False, False, True),
        ("Runs-Fleet-7-1", False, False, True),
        ("runs-fleet-7-1", True, False, False),
        ("runs-fleet-7-1", False, True, False),
        ("somebody-elses", False, False, False),
    ],
)
def test_a_registration_is_suspect_when_it_is_ours_and_idle(
    runner: str, online: bool, busy: bool, suspect: bool
) -> None:
    found = Registration(runner_id=1, runner=runner, online=online, busy=busy)
    assert sweeping.idle_ours(found) is suspect


@pytest.mark.parametrize(
    ("state", "is_dead"), [("closed", True), ("absent", True), ("open", False)]
)
def test_a_registration_is_dead_when_its_owner_is(state: OwnerState, is_dead: bool) -> None:
    one = FoundRegistration(
        place="acme", scope=Scope(repo="acme/app"), runner_id=1, runner="runs-fleet-7-1"
    )
    assert (sweeping.dead([one], {7: state}) == [one]) is is_dead


def test_suspects_of_places_not_looked_at_are_kept() -> None:
    before = {"acme 1 runs-fleet-7-1": NOW, "octo 2 runs-fleet-8-1": NOW}
    assert list(sweeping.elsewhere(before, ["acme"])) == ["octo 2 runs-fleet-8-1"]


def test_a_job_is_overdue_when_its_webhook_is() -> None:
    jobs = [
        WaitingJob(job_id=age, run_id=1, scope=Scope(repo="a/b"), labels=("x",), queued_at=NOW - at)
        for age, at in enumerate([timedelta(0), MINUTE / 2, MINUTE, 2 * MINUTE])
    ]
    overdue = sweeping.overdue_jobs(jobs, now=NOW, settle=MINUTE)
    assert [job.job_id for job in overdue] == [2, 3]


def place(repo: str, *, seen: timedelta = timedelta(0)) -> Place:
    return Place(scope=Scope(repo=repo), seen_at=NOW - seen)


def test_those_longest_not_looked_at_have_their_turn_first() -> None:
    places = {repo: place(repo) for repo in ("a/a", "a/b", "a/c")}
    looked = {"a/a": NOW - MINUTE, "a/b": NOW - 2 * MINUTE}
    assert [scope.repo for scope in sweeping.turns(places, looked, now=NOW)] == [
        "a/c", "a/b", "a/a",
    ]  # fmt: skip


def test_nobody_has_a_turn_too_often() -> None:
    places, looked = {"a/a": place("a/a")}, {"a/a": NOW - MINUTE}
    assert sweeping.turns(places, looked, now=NOW, every=AGE) == ()


def test_places_without_jobs_are_forgotten_after_a_week() -> None:
    places = {"a/old": place("a/old", seen=timedelta(days=8)), "a/new": place("a/new")}
    assert list(sweeping.remembered(places, [], NOW)) == ["a/new"]


def test_the_places_remembered_are_bounded() -> None:
    scopes = [Scope(repo=f"a/{number}") for number in range(1000)]
    assert len(sweeping.remembered({}, scopes, NOW)) == sweeping.MOST_PLACES


def test_only_places_that_are_remembered_have_been_looked_at() -> None:
    looked = sweeping.looked_at({"a/x": NOW}, ["a/a"], places={"a/a": place("a/a")}, now=NOW)
    assert looked == {"a/a": NOW}
