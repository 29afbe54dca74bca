"""`runs-fleet jobs`: a list, a story and an end."""

import json
from typing import Any

import pytest
from temporalio.client import Client

from runs_fleet.models import RunnerSpec, Scope
from simulator.ports import free_port
from tests.cli.conftest import Command, invoke
from tests.fakes import MemoryConfigs, MemoryGitHub
from tests.lifecycles import Job, Start, begin, eventually, request

REPO = "cli/list"


async def seen(command: Command, *arguments: str, job: Job, state: str) -> dict[str, Any]:
    """Wait until the search, which lags, shows a job in a state; give back its row."""

    async def found() -> Any:
        ended = await command("jobs", *arguments, "--json", "--limit", "1000")
        rows = json.loads(ended.out)
        mine = [row for row in rows if (row["job_id"], row["state"]) == (job.job_id, state)]
        return mine

    rows = await eventually(found)
    return dict(rows[0])


async def test_the_list_tells_where_each_job_stands(start: Start, command: Command) -> None:
    job = await start(scope=Scope(repo=REPO))
    machine_id = await job.boots()
    await job.says_github("in_progress", on=job.runner())
    row = await seen(command, job=job, state="running")
    assert (row["repo"], row["name"], row["is_open"]) == (REPO, "CI / build", True)
    assert (row["runner"], row["machine_id"], row["attempt"]) == (job.runner(), machine_id, 1)
    table = (await command("jobs", "--repo", REPO)).out
    assert job.runner() in table
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.outcome()
    row = await seen(command, "--repo", REPO, "--state", "completed", job=job, state="completed")
    assert (row["conclusion"], row["is_open"]) == ("success", False)


async def test_a_repository_without_jobs_has_none(command: Command) -> None:
    assert await command("jobs", "--repo", "cli/nothing") == (0, "no such jobs\n", "")
    assert await command("jobs", "--repo", "cli/nothing", "--json") == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--state", "sleeping"), "unknown state 'sleeping'; we know placing, waiting, booting"),
        (("--repo", 'x" OR "1"="1'), "is no repository; one looks like octo/hello"),
    ],
)
async def test_a_wrong_question_is_answered_with_what_is_known(
    command: Command, arguments: tuple[str, str], words: str
) -> None:
    status, out, err = await command("jobs", *arguments)
    assert (status, out) == (2, "")
    assert words in err


async def test_the_story_of_a_finished_job(start: Start, command: Command) -> None:
    job = await start(url="https://github.com/octo/hello/actions/runs/1/job/2")
    await job.boots()
    await job.says_github("in_progress", on=job.runner(), job_id=77)
    await job.runs_to_its_end(2)
    await job.says_github("completed", on=job.runner(), job_id=77, conclusion="success")
    await job.outcome()
    status, out, err = await command("jobs", "show", str(job.job_id))
    assert (status, err) == (0, "")
    assert f"{job.job_id} · octo/hello · CI / build" in out
    assert "https://github.com/octo/hello/actions/runs/1/job/2" in out
    assert "completed: GitHub has concluded it" in out
    assert "served job 77" in out
    assert "let go of: GitHub gave it another job (`taken`)" in out
    assert "attempt 2" in out
    assert "released" in out


async def test_the_story_of_a_job_that_runs(start: Start, command: Command) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    out = (await command("jobs", "show", str(job.job_id))).out
    assert "running: GitHub says that it runs" in out
    assert "released" not in out
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.outcome()


async def test_the_story_says_why_there_is_no_runner(
    start: Start, command: Command, github: MemoryGitHub
) -> None:
    job = await start(refusal="unknown key 'gpu'", spec=None)
    await job.outcome()
    out = (await command("jobs", "show", str(job.job_id))).out
    assert "reason      unknown key 'gpu'" in out
    assert "told        by a check run on the commit" in out
    assert len(github.notices.posted) == 1


async def test_a_story_for_scripts_is_json(start: Start, command: Command) -> None:
    job = await start(spec=RunnerSpec(pool="default"))
    await job.runs_to_its_end()
    await job.outcome()
    told = json.loads((await command("jobs", "show", str(job.job_id), "--json")).out)
    assert told["outcome"]["conclusion"] == "success"
    assert told["request"]["spec"]["pool"] == told["job"]["pool"] == "default"


async def test_cancelling_takes_the_runner_away(
    start: Start, command: Command, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    status, out, _ = await command("jobs", "cancel", str(job.job_id))
    assert (status, out.splitlines()[0]) == (
        0,
        f"job {job.job_id} is being cancelled: its runners are taken away, even busy ones.",
    )
    await eventually(lambda: is_over(job))
    github.forget(job.runner())
    out = (await command("jobs", "show", str(job.job_id))).out
    assert "released: an operator ended it" in out
    again = await command("jobs", "cancel", str(job.job_id))
    assert (again.status, again.out) == (1, "")
    assert again.err == (
        f"runs-fleet: job {job.job_id} is over already, there is nothing to cancel\n"
    )


@pytest.mark.parametrize("words", [("jobs", "show"), ("jobs", "cancel"), ("history", "export")])
async def test_an_unknown_job_is_one_line(command: Command, words: tuple[str, str]) -> None:
    assert await command(*words, "123") == (
        1,
        "",
        "runs-fleet: no such job: 123 had no lifecycle, or its retention is over\n",
    )


async def test_an_open_job_that_no_worker_serves_is_said_to_be_so(
    temporal: Client, command: Command
) -> None:
    job = await begin(
        temporal, "nobody", asked=request(), github=MemoryGitHub(), configs=MemoryConfigs()
    )
    status, out, err = await command("jobs", "show", str(job.job_id))
    assert (status, out) == (2, "")
    assert err.startswith(f"runs-fleet: job {job.job_id} has no result, and no worker tells of it")
    await job.handle.terminate()
    row = await seen(command, job=job, state="terminated")
    assert not row["is_open"]


@pytest.mark.parametrize("words", [("jobs",), ("jobs", "show", "1"), ("history", "export", "1")])
def test_a_temporal_that_is_not_there_is_one_line(words: tuple[str, ...]) -> None:
    address = f"127.0.0.1:{free_port()}"
    status, out, err = invoke(address, *words)
    assert (status, out) == (2, "")
    assert err == f"runs-fleet: cannot reach Temporal at {address}: Connection refused\n"


async def test_an_unknown_namespace_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    status, _, err = await command("jobs", "show", "1")
    assert (status, "has no namespace 'elsewhere'" in err) == (2, True)


async def is_over(job: Job) -> bool:
    return (await job.handle.describe()).close_time is not None
