"""What holds of a pool whatever happens: small worlds by the thousand, each played through."""

from datetime import timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runs_fleet.pools import operators
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.lettings import SURPLUS
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PoolOperation
from tests.pools.worlds import World, claim, definition

REPOS = st.sampled_from(["octo/hello", "octo/world", "acme/app"])
FAILURES = st.sampled_from(["", "", "", "NoCapacity", "Unavailable", "Refused"])
SECONDS = st.sampled_from([0.5, 5, 31, 61, 301, 901])
MOST_TERMINATIONS = 2
KINDS = st.sampled_from(["resume", "resume", "recycle", "drain", "pause"])


class PoolWorld(RuleBasedStateMachine):
    """One pool among claims, failures, operators, new images and terminated managers."""

    @initialize(hot=st.integers(0, 3), stopped=st.integers(0, 2), spare=st.integers(0, 4))
    def begin(self, hot: int, stopped: int, spare: int) -> None:
        targets = Targets(hot=hot, stopped=stopped)
        most = hot + stopped + spare
        self.world = World(
            definition(
                targets=targets, max=most, weights={"acme/app": 3}, repository_limit=3,
                idle_timeout=timedelta(minutes=5),
            )
        )  # fmt: skip
        self.jobs = self.terminations = 0
        self.world.obeys(turns=8)

    @rule(repo=REPOS, number=st.integers(1, 4))
    def claims(self, repo: str, number: int) -> None:
        for _ in range(number):
            self.jobs += 1
            self.world.asks(claim(self.jobs, repo=repo, at=self.world.now))
        self.world.turn()

    @precondition(lambda self: self.world.claims)
    @rule(data=st.data())
    def a_claim_is_repeated(self, data: st.DataObject) -> None:
        self.world.asks(data.draw(st.sampled_from(sorted(self.world.claims.values(), key=str))))
        self.world.turn()

    @precondition(lambda self: self.world.claims)
    @rule(data=st.data(), unused=st.booleans())
    def a_job_ends(self, data: st.DataObject, *, unused: bool) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.world.claims)))
        self.world.leaves(job_id, unused=unused)
        self.world.turn()

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data(), failure=FAILURES)
    def a_call_ends(self, data: st.DataObject, failure: str) -> None:
        number = data.draw(st.integers(0, len(self.world.pending) - 1))
        self.world.answered(self.world.pending[number], failure)
        self.world.turn()

    @rule()
    def agents_stand_by(self) -> None:
        for machine in list(self.world.machines.values()):
            if machine.state == "running" and not machine.greeted:
                self.world.greet(machine.member)
        self.world.turn()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)
        self.world.turn()

    @rule(kind=KINDS)
    def an_operator_acts(self, kind: str) -> None:
        asked = PoolOperation.model_validate({"kind": kind, "by": "ops"})
        operators.operate(self.world.state, asked, self.world.now)
        self.world.turn()

    @rule()
    def there_is_a_new_image(self) -> None:
        self.world.site += "1"

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self.world.obeys(turns=6)

    @precondition(lambda self: self.terminations < MOST_TERMINATIONS)
    @rule()
    def the_manager_is_terminated(self) -> None:
        self.terminations += 1
        self.world.passes(1)
        self.world.begin()
        self.world.turn()

    @precondition(lambda self: self.world.orphaned)
    @rule()
    def what_a_terminated_manager_ordered_takes_effect(self) -> None:
        self.world.makes(self.world.orphaned.pop())
        self.world.turn()

    @rule()
    def it_goes_on_in_a_new_history(self) -> None:
        text = self.world.state.model_dump_json()
        self.world.state = PoolState.model_validate_json(text)

    @invariant()
    def never_above_max(self) -> None:
        assert len(self.world.machines) <= self.world.definition.max
        assert self.world.state.counted <= self.world.definition.max

    @invariant()
    def no_member_is_given_twice(self) -> None:
        assert self.world.doubled == []

    @invariant()
    def a_repeated_claim_gets_the_same_answer(self) -> None:
        assert self.world.changed == []

    @invariant()
    def nothing_that_has_a_job_is_removed(self) -> None:
        assert set(self.world.removed).isdisjoint(self.world.given)

    @invariant()
    def nothing_is_launched_where_there_is_too_much(self) -> None:
        for turn in self.world.turns[-1:]:
            launched = {launch.tier for launch in turn.plan.calls.launches}
            let_go = {each.tier for each in turn.dismissals if each.cause == SURPLUS}
            assert launched.isdisjoint(let_go)

    def teardown(self) -> None:
        """Whatever has happened, it comes to what was wanted once the cloud obeys."""
        world = getattr(self, "world", None)
        if world is None:
            return
        for job_id in list(world.claims):
            world.leaves(job_id)
        resume = PoolOperation(kind="resume", by="ops")
        operators.operate(world.state, resume, world.now)
        world.obeys(turns=120, step=61)
        targets = world.definition.targets
        assert world.state.strangers == {}
        assert (world.ready("hot"), world.ready("stopped")) == (targets.hot, targets.stopped)
        assert len(world.machines) == targets.hot + targets.stopped


# A world that fails is long, and to make it short takes longer than a test may.
PoolWorld.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, report_multiple_bugs=False, phases=[Phase.generate]
)
TestPoolWorld = pytest.mark.timeout(600)(PoolWorld.TestCase)
