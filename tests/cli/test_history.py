"""`runs-fleet history export`, and what a replay makes of it."""

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.lifecycles import Start
from tests.replay.__main__ import main as replay


async def test_an_incident_becomes_a_file_that_replays(
    start: Start, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = await start()
    await job.runs_to_its_end()
    await job.outcome()
    path = tmp_path / "incident.json"
    ended = await command("history", "export", str(job.job_id), "-o", str(path))
    assert (ended.status, ended.out) == (0, "")
    assert f"events of job {job.job_id} are in {path}" in ended.err
    assert await replay([str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: replays\n"


async def test_a_history_goes_to_stdout_and_names_no_machine_of_ours(
    start: Start, command: Command
) -> None:
    job = await start()
    await job.runs_to_its_end()
    await job.outcome()
    ended = await command("history", "export", str(job.job_id))
    events = json.loads(ended.out)["events"]
    assert events[-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    assert socket.gethostname() not in ended.out
    assert "secret-jit-config" not in ended.out


async def test_a_job_that_is_not_over_has_a_history_too(
    start: Start, command: Command, tmp_path: Path
) -> None:
    job = await start()
    await job.boots()
    path = tmp_path / "open.json"
    await command("history", "export", str(job.job_id), "-o", str(path))
    assert await replay([str(path)]) == 0
    await job.says_github("completed", conclusion="cancelled")
    await job.outcome()


async def test_a_file_that_is_no_history_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "no.json"
    path.write_text("{}")
    assert await replay([str(path), str(tmp_path / "missing.json")]) == 2
    assert capsys.readouterr().out.count("no history") == 2
