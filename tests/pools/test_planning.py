"""What a pool does next, case by case."""

from datetime import timedelta
from itertools import pairwise

import pytest

from runs_fleet.answers import Failure
from runs_fleet.errors import NoCapacity
from runs_fleet.models import RunnerSpec, Scope, Span
from runs_fleet.pools import fit, membership, operators
from runs_fleet.pools.definition import Demand, Listening, Targets
from runs_fleet.pools.lettings import RECYCLED, SURPLUS
from runs_fleet.pools.orders import MOST_ORDERING
from runs_fleet.pools.status import page, status
from runs_fleet.pools.wire import MemberOrder, PoolSettings, PoolSurvey
from tests.pools.worlds import LABEL, NOON, SPEC, World, asked, claim, definition

MINUTES = timedelta(minutes=1)
LISTENING = Listening(scope=Scope(repo="octo/hello"), label=LABEL)


def warm(**changes: object) -> World:
    """A pool that is as it was wanted."""
    world = World(definition(**changes))
    world.obeys(turns=12)
    return world


@pytest.mark.parametrize(
    ("asked_for", "wrong"),
    [
        (RunnerSpec(), ""),
        (RunnerSpec(cpu=Span(least=4, most=8), ram=Span(least=8), arch="arm64"), ""),
        (RunnerSpec(cpu=Span(least=8, most=16)), "cpu"),
        (RunnerSpec(cpu=Span(least=4, most=4)), "cpu"),
        (RunnerSpec(ram=Span(least=16)), "ram"),
        (RunnerSpec(arch="amd64"), "arch"),
        (RunnerSpec(families=("c7g",)), "family"),
        (RunnerSpec(gen=7), "gen"),
        (RunnerSpec(disk=100), "disk"),
        (RunnerSpec(private=True), "private"),
        (RunnerSpec(docker=True), "docker"),
    ],
)
def test_a_machine_serves_who_asks_for_no_other(asked_for: RunnerSpec, wrong: str) -> None:
    assert fit.misfit(SPEC, asked_for).rpartition(": ")[2] == wrong
    assert fit.serves(SPEC, asked_for) == (not wrong)


def test_nothing_is_launched_before_the_cloud_was_looked_at() -> None:
    world = World(definition())
    first = world.turn().plan
    assert first.calls.survey is not None
    assert not first.calls.launches
    assert "nothing is launched before the cloud was looked at" in first.reasons


def test_launches_are_a_few_at_a_time() -> None:
    world = World(definition(targets=Targets(hot=50), max=50))
    world.obeys(turns=6)
    most = max(len(turn.plan.calls.launches) for turn in world.turns)
    assert most == MOST_ORDERING


def test_after_no_capacity_one_launch_at_a_time_is_tried_and_rests_grow() -> None:
    world = World(definition(targets=Targets(hot=3)))
    tries = list[float]()
    while len(tries) < 6:
        world.turn()
        for call in list(world.pending):
            is_order = isinstance(call, MemberOrder)
            tries += [(world.now - NOON).total_seconds()] if is_order else []
            world.answered(call, NoCapacity.__name__ if is_order else "")
        world.passes(1)
    assert tries[:3] == [tries[0]] * 3
    rests = [later - sooner for sooner, later in pairwise(tries[2:])]
    assert rests == [10, 20, 40]


def test_members_above_the_targets_go_after_the_idle_timeout() -> None:
    world = warm(idle_timeout=10 * MINUTES)
    fewer = world.definition.model_copy(update={"targets": Targets(hot=1)})
    operators.configure(world.state, PoolSettings(definition=fewer), world.now)
    world.obeys(turns=9, step=60)
    assert world.removed == []
    world.obeys(turns=4, step=60)
    assert len(world.removed) == 2
    assert {each.cause for turn in world.turns for each in turn.dismissals} <= {SURPLUS}


def test_claims_that_come_and_go_make_no_member_flap() -> None:
    demand = Demand(cap=4, floor=2, window=10 * MINUTES, linger=15 * MINUTES)
    world = warm(demand=demand, max=8, targets=Targets(), idle_timeout=5 * MINUTES)
    for job_id in range(1, 41):
        world.asks(claim(job_id, at=world.now))
        world.obeys(turns=2, step=20)
        world.leaves(job_id)
        world.obeys(turns=1, step=20)
    made = len(world.state.members) + len(world.given) + len(world.removed)
    assert len(world.given) == 40
    assert made <= 40 + 4
    assert len(world.removed) <= 2


def test_a_new_image_replaces_members_one_after_the_other() -> None:
    world = warm(targets=Targets(hot=3), max=4)
    world.site = "lt-1:2"
    fewest = 3
    for _ in range(100):
        world.obeys(turns=1, step=15)
        fewest = min(fewest, world.ready("hot"))
    assert fewest == 3
    assert {each.spec_hash.rpartition("-lt")[2] for each in world.machines.values()} == {"-1:2"}
    causes = [each.cause for turn in world.turns for each in turn.dismissals]
    assert causes == [RECYCLED] * 3


def test_a_full_pool_makes_room_for_what_is_new() -> None:
    world = warm(targets=Targets(hot=3), max=3)
    world.site = "lt-1:2"
    world.obeys(turns=100, step=15)
    assert {each.spec_hash.rpartition("-lt")[2] for each in world.machines.values()} == {"-1:2"}


def test_a_pool_that_is_short_serves_by_weight_then_first_come() -> None:
    world = warm(targets=Targets(hot=2), max=2, weights={"acme/*": 3})
    for job_id in range(1, 501):
        world.asks(claim(job_id, at=world.now))
    world.passes(1)
    world.asks(claim(501, at=world.now, repo="acme/app"))
    world.turn()
    assert sorted(world.given.values()) == [1, 501]
    assert len(world.answers) == 501


def test_one_repository_leaves_something_to_others_where_it_is_limited() -> None:
    world = warm(targets=Targets(hot=4), max=4, repository_limit=3)
    for job_id in range(1, 501):
        world.asks(claim(job_id, at=world.now))
    world.asks(claim(501, at=world.now + MINUTES, repo="acme/app"))
    world.turn()
    assert sorted(world.given.values()) == [1, 2, 3, 501]


def test_a_machine_whose_agent_never_comes_up_is_replaced_after_a_rest() -> None:
    world = World(definition(targets=Targets(hot=1), max=1))
    for _ in range(60):
        world.turn()
        for call in list(world.pending):
            world.answered(call)
        world.passes(15)
    assert world.state.failures == 1
    assert world.state.trouble.endswith("its agent has not come up")
    assert len(world.removed) == 1


def test_a_machine_that_is_gone_is_noticed_after_two_surveys() -> None:
    world = warm(targets=Targets(hot=1))
    [lost] = world.machines
    del world.machines[lost]
    world.obeys(turns=60, step=20)
    assert lost not in world.machines
    assert len(world.machines) == 1
    assert {each.cause for turn in world.turns for each in turn.dismissals} == set()


def test_a_claimed_member_is_left_to_its_lifecycle_until_its_machine_is_gone() -> None:
    world = warm(targets=Targets(hot=1), max=2)
    world.asks(claim(1, at=world.now))
    world.obeys(turns=60, step=60)
    [held] = world.state.claimed
    assert held.job_id == 1
    del world.machines[held.name]
    world.obeys(turns=20, step=60)
    assert world.state.claimed == []
    assert world.removed == []


def test_where_members_listen_a_running_stranger_has_to_say_that_it_stands_by() -> None:
    before = warm(targets=Targets(hot=1), max=2, listening=LISTENING)
    [machine] = before.machines.values()
    before.begin()
    before.obeys(turns=10, step=61)
    pokes = [
        turn.plan.calls.survey.poke
        for turn in before.turns
        if isinstance(turn.plan.calls.survey, PoolSurvey) and turn.plan.calls.survey.poke
    ]
    assert machine.member not in before.state.members
    assert pokes
    before.greet(machine.member)
    before.obeys(turns=3, step=61)
    assert machine.member in before.state.members


def test_a_job_of_another_architecture_is_told_so() -> None:
    world = warm()
    world.asks(claim(1, spec=asked("amd64")))
    world.turn()
    assert world.answers[1].reason == "its machines are not what the label asks for: arch"


def test_an_order_that_was_not_answered_is_looked_for_twice() -> None:
    world = World(definition(targets=Targets(hot=1)))
    world.obeys(turns=2)
    world.passes(13)
    world.turn()
    world.answered(world.pending[0])
    world.turn()
    [order] = world.pending
    world.pending.remove(order)
    membership.launched(world.state, order.member, Failure("Unavailable", "HTTP 500"), world.now)
    world.obeys(turns=40, step=10)
    assert world.removed.count(order.member) == 2
    assert order.member not in world.state.members


def test_what_a_pool_says_of_itself_names_members_and_reasons() -> None:
    world = warm()
    turn = world.turn()
    told = status(world.state, turn.plan, world.now)
    assert told.counts == {"hot": {"free": 2}, "stopped": {"stopped": 1}}
    assert told.reasons[0].startswith("hot 2, stopped 1")
    assert "## default: open" in page(world.state, turn.plan, world.now)


def test_what_a_terminated_manager_ordered_counts_though_it_comes_late() -> None:
    world = World(definition(targets=Targets(hot=1), max=1))
    world.obeys(turns=2)
    world.passes(13)
    world.turn()
    world.answered(world.pending[0])
    [order] = world.turn().plan.calls.launches
    world.begin()
    world.turns = []
    world.turn()
    world.answered(world.pending[0])
    world.passes(5)
    assert not world.turn().plan.calls
    world.makes(order.order)
    world.obeys(turns=40, step=10)
    assert list(world.machines) == [order.order.member]
    assert not any(turn.plan.calls.launches for turn in world.turns)


def test_a_machine_without_a_mark_is_adopted_when_it_was_seen_free_a_minute_apart() -> None:
    world = warm(targets=Targets(hot=1), max=1)
    [member] = world.machines
    world.begin()
    world.obeys(turns=3, step=15)
    assert list(world.state.strangers) == [member]
    world.obeys(turns=8, step=15)
    assert list(world.state.members) == [member]


def test_a_machine_that_is_marked_meanwhile_is_not_adopted() -> None:
    world = warm(targets=Targets(hot=1), max=1)
    [member] = world.machines
    world.asks(claim(1, at=world.now))
    world.turn()
    world.begin()
    world.obeys(turns=20, step=31)
    assert list(world.state.strangers) == [member]
    assert world.given == {member: 1}
