"""Lifecycles that end without a runner, and the people who are told."""

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.models import Policy
from tests.fakes import MemoryGitHub, MemoryProvider
from tests.lifecycles import QUICK, SHA, Start

REFUSED = {"refusal": "unknown key 'gpu'", "spec": None}


async def test_a_refused_label_is_told_on_its_commit(start: Start, github: MemoryGitHub) -> None:
    job = await start(**REFUSED)
    outcome = await job.outcome()
    [notice] = github.notices.posted
    assert (notice.key, notice.head_sha) == (f"job-{job.job_id}", SHA)
    assert (outcome.state, outcome.reason, outcome.told) == (
        "refused",
        "unknown key 'gpu'",
        "check_run",
    )


async def test_giving_up_is_told_too(
    start: Start, github: MemoryGitHub, provider: MemoryProvider
) -> None:
    provider.errors.append(Refused("no instance type has 1000 cpu"))
    github.notices.by = "status"
    outcome = await (await start()).outcome()
    assert (outcome.state, outcome.told) == ("gave_up", "status")
    assert github.notices.posted[0].reason == "no instance type has 1000 cpu"


async def test_telling_is_tried_again(start: Start, github: MemoryGitHub) -> None:
    github.notices.errors.append(Unavailable("HTTP 502"))
    outcome = await (await start(**REFUSED)).outcome()
    assert (outcome.told, len(github.notices.posted)) == ("check_run", 1)


async def test_not_being_allowed_to_tell_ends_as_well(start: Start, github: MemoryGitHub) -> None:
    github.notices.errors.append(Refused("the App needs checks:write", forbidden=True))
    outcome = await (await start(**REFUSED)).outcome()
    assert (outcome.state, outcome.told) == ("refused", "nobody")
    assert "nobody was told at GitHub: the App needs checks:write" in outcome.reason


async def test_nothing_is_told_when_the_operator_says_so(
    start: Start, github: MemoryGitHub
) -> None:
    quiet: Policy = QUICK.model_copy(update={"tell": False})
    outcome = await (await start(policy=quiet, **REFUSED)).outcome()
    assert (outcome.told, github.notices.posted) == ("", [])


async def test_nothing_is_told_of_a_job_that_ran(start: Start, github: MemoryGitHub) -> None:
    job = await start()
    await job.runs_to_its_end()
    assert (await job.outcome()).told == ""
    assert github.notices.posted == []
