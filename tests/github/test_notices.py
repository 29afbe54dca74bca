"""Notices on commits, over real HTTP."""

from collections.abc import Callable

import pytest

from runs_fleet.errors import NotThere, RateLimited, Refused, Unavailable
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.notices import MINUTE, MOST_A_MINUTE, REMEMBERED, GitHubNotices, Pace
from runs_fleet.models import Scope
from runs_fleet.notices import Notice
from runs_fleet.ports import Notices
from tests.github.scripted import Clock, Reply, ScriptedGitHub

SHA = "5c1f" * 10
NOTICE = Notice(
    key="job-7",
    scope=Scope(repo="octo/hello", installation_id=7),
    head_sha=SHA,
    name="runs-fleet: build",
    conclusion="neutral",
    title="No runner could be made",
    reason="no capacity",
    text="**What to do.** Wait.",
    url="https://github.com/octo/hello/actions/runs/1/job/7",
)
CHECKS = "POST /repos/octo/hello/check-runs"
LIST = f"GET /repos/octo/hello/commits/{SHA}/check-runs"
STATUSES = f"POST /repos/octo/hello/statuses/{SHA}"
NONE = Reply(200, {"total_count": 0, "check_runs": []})
MADE = Reply(201, {"id": 1})
FORBIDDEN = Reply(403, {"message": "Resource not accessible by integration"})


@pytest.fixture
def notices(api: GitHubApi) -> GitHubNotices:
    return GitHubNotices(api)


def test_it_is_the_port(notices: GitHubNotices) -> None:
    port: Notices = notices
    assert port is notices


def test_a_check_run_says_what_and_what_to_do(
    notices: GitHubNotices, github: ScriptedGitHub
) -> None:
    github.say(LIST, NONE)
    github.say(CHECKS, MADE)
    assert notices.post(NOTICE) == "check_run"
    [seen] = github.asked(CHECKS)
    assert seen.body == {
        "name": "runs-fleet: build",
        "head_sha": SHA,
        "external_id": "job-7",
        "status": "completed",
        "conclusion": "neutral",
        "output": {"title": "No runner could be made", "summary": "**What to do.** Wait."},
        "details_url": NOTICE.url,
    }


def test_a_check_run_that_is_there_is_not_made_twice(
    notices: GitHubNotices, github: ScriptedGitHub
) -> None:
    there = [{"external_id": "job-6"}, {"external_id": None}, {"external_id": "job-7"}]
    github.say(LIST, Reply(200, {"total_count": 3, "check_runs": there}))
    assert notices.post(NOTICE) == "check_run"
    [seen] = github.asked(LIST)
    assert (seen.query["check_name"], seen.query["filter"]) == ("runs-fleet: build", "all")
    assert github.asked(CHECKS) == []


@pytest.mark.parametrize("replies", [{LIST: FORBIDDEN}, {LIST: NONE, CHECKS: FORBIDDEN}])
def test_without_the_permission_for_checks_it_is_a_status(
    notices: GitHubNotices, github: ScriptedGitHub, replies: dict[str, Reply]
) -> None:
    script(github, {**replies, STATUSES: MADE})
    assert notices.post(NOTICE) == "status"
    [seen] = github.asked(STATUSES)
    assert seen.body == {
        "state": "error",
        "context": "runs-fleet: build",
        "description": "No runner could be made: no capacity",
        "target_url": NOTICE.url,
    }


def test_a_description_fits(notices: GitHubNotices, github: ScriptedGitHub) -> None:
    script(github, {LIST: FORBIDDEN, STATUSES: MADE})
    notices.post(NOTICE.model_copy(update={"reason": "x" * 500}))
    assert len(github.asked(STATUSES)[0].body["description"]) == 140


def test_without_any_permission_it_is_refused_with_what_is_missing(
    notices: GitHubNotices, github: ScriptedGitHub
) -> None:
    script(github, {LIST: FORBIDDEN, STATUSES: FORBIDDEN})
    with pytest.raises(Refused, match=r"needs checks:write or statuses:write.*not accessible"):
        notices.post(NOTICE)


def test_a_missing_permission_is_remembered_for_a_while(
    notices: GitHubNotices, github: ScriptedGitHub, clock: Clock
) -> None:
    script(github, {LIST: FORBIDDEN, STATUSES: FORBIDDEN})
    refusals(notices, times=3)
    assert (len(github.asked(LIST)), len(github.asked(STATUSES))) == (1, 1)
    clock.now += REMEMBERED + 1
    script(github, {LIST: NONE, CHECKS: MADE})
    assert notices.post(NOTICE) == "check_run"


def test_another_owner_is_asked_for_itself(notices: GitHubNotices, github: ScriptedGitHub) -> None:
    script(github, {LIST: FORBIDDEN, STATUSES: FORBIDDEN})
    refusals(notices, times=1)
    other = LIST.replace("octo/", "acme/")
    github.say(other, FORBIDDEN)
    elsewhere = NOTICE.scope.model_copy(update={"repo": "acme/hello"})
    with pytest.raises(NotThere):
        notices.post(NOTICE.model_copy(update={"scope": elsewhere}))
    assert len(github.asked(other)) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(422, {"message": "No commit found for SHA"}), Refused),
        (Reply(404, {"message": "Not Found"}), NotThere),
        (Reply(502), Unavailable),
        (Reply(403, {"message": "secondary rate limit"}), RateLimited),
    ],
)
def test_other_trouble_is_no_missing_permission(
    notices: GitHubNotices, github: ScriptedGitHub, reply: Reply, error: type[Exception]
) -> None:
    script(github, {LIST: NONE, CHECKS: reply})
    with pytest.raises(error):
        notices.post(NOTICE)
    assert github.asked(STATUSES) == []


def test_little_of_the_hours_calls_is_left_to_runners(
    notices: GitHubNotices, github: ScriptedGitHub, clock: Clock
) -> None:
    left = {"limit": "5000", "remaining": "900", "reset": str(int(clock.now) + 600)}
    headers = {f"x-ratelimit-{name}": value for name, value in left.items()}
    github.say(LIST, Reply(200, {"check_runs": []}, headers))
    with pytest.raises(RateLimited, match="little of the hour's calls"):
        notices.post(NOTICE)
    assert github.asked(CHECKS) == []


def test_a_burst_is_stretched_before_github_has_to() -> None:
    clock = Clock(0)
    pace = Pace(clock, most=2)
    pace.enter("octo")
    clock.now += 10
    pace.enter("octo")
    with pytest.raises(RateLimited) as caught:
        pace.enter("octo")
    assert caught.value.after == MINUTE - 10
    pace.enter("acme")
    clock.now += MINUTE - 10
    pace.enter("octo")


def test_all_workers_of_a_usual_fleet_stay_below_githubs_limit() -> None:
    assert 3 * MOST_A_MINUTE < 80


def script(github: ScriptedGitHub, replies: dict[str, Reply]) -> None:
    say: Callable[..., None] = github.say
    for route, reply in replies.items():
        say(route, reply)


def refusals(notices: GitHubNotices, *, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Refused):
            notices.post(NOTICE)
