"""Ephemeral pools: who may call one into being, and what it is then."""

from datetime import timedelta
from typing import Any

import pytest

from runs_fleet.errors import Refused
from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools import rules
from runs_fleet.pools.definition import Demand, EphemeralPolicy, EphemeralTemplate, PoolDefinition
from runs_fleet.pools.ephemeral import called

POLICY = EphemeralPolicy(
    repositories=("octo/*",),
    names=("team-*", "ci"),
    max_pools=2,
    template=EphemeralTemplate(max=9, demand=Demand(cap=5), idle_life=timedelta(hours=1)),
)


def call(name: str, *, repo: str = "octo/hello", open_pools: int = 0) -> PoolDefinition:
    spec = RunnerSpec(cpu=Span(least=4, most=8), pool=name, backend="ec2", rerun=False)
    return called(POLICY, repo, spec, mode="ec2", open_pools=open_pools)


def test_a_pool_is_of_the_machines_that_its_first_job_asks_for() -> None:
    assert call("team-a") == PoolDefinition(
        name="team-a",
        mode="ec2",
        spec=RunnerSpec(cpu=Span(least=4, most=8)),
        max=9,
        demand=Demand(cap=5),
        repositories=("octo/*",),
        ephemeral=True,
        idle_life=timedelta(hours=1),
    )


def test_it_breaks_no_rule() -> None:
    assert rules.mistakes(call("ci", open_pools=1)) == ()


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("team-a", {"repo": "acme/x"}, "acme/x may not call for one"),
        ("prod", {}, "only names like team-\\*, ci may be"),
        ("team-" + "a" * 26, {}, "a name has up to 30 letters"),
        ("", {}, "a name has up to 30 letters"),
        ("team-a", {"open_pools": 2}, "there are 2 of them"),
    ],
)
def test_what_is_not_allowed_does_not_come_into_being(
    name: str, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        call(name, **more)
