"""What a pool grants at most: volumes to one repository, registrations in a minute."""

from datetime import timedelta

import pytest

from runs_fleet import names
from runs_fleet.models import JobEvent, Machine, Scope
from runs_fleet.pools import claims, membership, surveys
from runs_fleet.pools.definition import Cache, Listening, Targets
from runs_fleet.pools.lettings import MINT_WINDOW
from runs_fleet.pools.orders import MOST_CALLS, MOST_MINTS
from runs_fleet.pools.state import Member, PoolState, Stranger
from runs_fleet.pools.stock import spec_hash
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import (
    MemberRegistration,
    MemberStatus,
    PlaceholderFacts,
    PoolAnswer,
    PoolFacts,
    PoolLeave,
)
from tests.pools.worlds import LABEL, NOON, claim, definition

VOLUMES = tuple(f"runs-fleet-cache-default-{number}" for number in range(3))
SECOND = timedelta(seconds=1)


def lending() -> PoolState:
    """A pool of three volumes, of which a repository may have one."""
    cache = Cache(size=1, volumes=len(VOLUMES))
    targets = Targets(hot=1)
    made = definition(mode="k8s", targets=targets, cache=cache, repository_limit=1)
    state = PoolState(definition=made, facts=PlaceholderFacts(ready=1, volumes=VOLUMES))
    state.begin(NOON)
    return state


def asked(state: PoolState, job_id: int, repo: str) -> PoolAnswer:
    claims.claimed(state, claim(job_id, repo=repo), NOON)
    [answer] = turn(state, NOON).answers
    return answer


def listening(members: int) -> PoolState:
    """A pool whose members all stand by and have no registration yet."""
    section = Listening(scope=Scope(repo="octo/hello"), label=LABEL)
    targets = Targets(listening=members)
    state = PoolState(definition=definition(targets=targets, max=members, listening=section))
    state.begin(NOON - SECOND)
    state.surveyed_at = state.survey_at = state.shown_at = NOON + timedelta(hours=1)
    named = [f"default-abc123-{number:06}" for number in range(members)]
    state.members = {name: standing_by(name, spec_hash(state)) for name in named}
    return state


def standing_by(name: str, made_of: str) -> Member:
    machine = Machine(machine_id=f"i-{name}", machine_type="c7g.large", zone="z-a")
    return Member(
        name=name, tier="listening", phase="free", since=NOON, made_at=NOON,
        spec_hash=made_of, machine=machine, wake="queue",
    )  # fmt: skip


def minted(state: PoolState, *, after: timedelta) -> tuple[MemberRegistration, ...]:
    """Take a turn; what was begun before has ended meanwhile."""
    for each in state.members.values():
        each.call = ""
    return turn(state, NOON + after).plan.calls.registrations


def test_a_repository_has_no_more_volumes_than_it_may() -> None:
    state = lending()
    assert asked(state, 1, "octo/hello").cache == VOLUMES[0]
    second = asked(state, 2, "octo/hello")
    assert (second.kind, second.cache) == ("none", "")
    assert "octo/hello has 1 of its volumes" in second.reason
    assert asked(state, 3, "acme/app").cache == VOLUMES[1]


def test_a_volume_that_came_back_counts_no_more() -> None:
    state = lending()
    asked(state, 1, "octo/hello")
    claims.left(state, PoolLeave(job_id=1, attempt=1, final=True), NOON)
    assert asked(state, 2, "octo/hello").cache == VOLUMES[0]


@pytest.mark.parametrize(("hours", "lent"), [(12, False), (72, True)])
def test_a_volume_is_lent_for_as_long_as_a_job_may_run(hours: int, lent: bool) -> None:
    state = lending()
    state.max_runtime = timedelta(hours=hours)
    volume = asked(state, 1, "octo/hello").cache
    assert volume
    turn(state, NOON + timedelta(hours=71))
    assert (volume in state.leases) == lent


def test_no_more_than_so_many_are_registered_in_a_minute() -> None:
    state = listening(2 * MOST_MINTS)
    assert len(minted(state, after=SECOND)) == MOST_CALLS
    assert len(minted(state, after=2 * SECOND)) == MOST_MINTS - MOST_CALLS
    assert minted(state, after=MINT_WINDOW) == ()
    assert len(minted(state, after=SECOND + MINT_WINDOW)) == MOST_CALLS


def limited() -> PoolState:
    """A pool of one member that stands by, of which a repository may have one."""
    state = PoolState(definition=definition(targets=Targets(hot=1), max=4, repository_limit=1))
    state.begin(NOON - timedelta(minutes=5))
    state.surveyed_at = state.survey_at = state.shown_at = NOON + timedelta(hours=1)
    state.members = {
        "free": standing_by("free", spec_hash(state)).model_copy(update={"tier": "hot"})
    }
    return state


def taken(name: str) -> MemberStatus:
    """A machine that a job of `octo/hello` has, as the cloud shows it."""
    machine = Machine(machine_id=f"i-{name}", machine_type="c7g.large", zone="z-a")
    return MemberStatus(
        member=name, machine=machine, state="running", runner="runs-fleet-9-1", repo="octo/hello"
    )


def test_a_machine_that_an_earlier_manager_gave_counts_for_its_repository() -> None:
    state = limited()
    state.strangers = {"lost": Stranger(status=taken("lost"), seen_at=NOON)}
    assert asked(state, 1, "octo/hello").kind == "none"
    assert asked(state, 2, "acme/app").kind == "assigned"


def test_a_member_that_a_job_has_by_the_clouds_word_counts_for_its_repository() -> None:
    state = limited()
    other = standing_by("other", spec_hash(state)).model_copy(update={"tier": "hot"})
    state.members["other"] = other
    free = taken("free").model_copy(update={"runner": "", "repo": ""})
    surveys.surveyed(state, PoolFacts(members=(free, taken("other"))), NOON)
    assert asked(state, 1, "octo/hello").kind == "none"
    assert asked(state, 2, "acme/app").kind == "assigned"


def test_a_job_that_github_gave_a_listening_member_counts_without_a_claim() -> None:
    state = limited()
    listens = standing_by(names.member("default", "abc123", 1), spec_hash(state))
    listens.phase, listens.mint = "listening", 1
    state.members[listens.name] = listens
    event = JobEvent(
        job_id=9, phase="in_progress", runner_name=listens.runner, at=NOON, repo="octo/hello"
    )
    membership.told_of_job(state, event, NOON)
    assert [each.kind for each in turn(state, NOON).answers] == ["booked"]
    assert asked(state, 1, "octo/hello").kind == "none"
    assert asked(state, 2, "acme/app").kind == "assigned"
