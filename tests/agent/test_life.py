"""Whole lives of an agent, with real run.sh processes that print what the real one prints."""

import logging
import os
from pathlib import Path

import pytest

from agent.endings import Ending
from agent.life import NOT_REMOVED
from runs_fleet.errors import RateLimited, Refused, Unavailable
from tests.agent import scripts
from tests.agent.conftest import Machine
from tests.agent.fakes import JIT


@pytest.mark.parametrize(
    ("body", "story", "ending"),
    [
        (scripts.job("Succeeded"), ["ready", "started", "finished Succeeded"], Ending.DONE),
        (scripts.job("Failed"), ["ready", "started", "finished Failed"], Ending.DONE),
        (scripts.job("Canceled"), ["ready", "started", "finished Canceled"], Ending.DONE),
        (scripts.UPDATE_THEN_JOB, ["ready", "started", "finished Succeeded"], Ending.DONE),
        (scripts.NO_JOB, ["ready", "finished no_job"], Ending.DONE),
        (scripts.REMOVED_WHILE_IDLE, ["ready", "finished registration_lost"], Ending.DONE),
        (scripts.REUSED_CONFIG, ["ready", "finished registration_lost"], Ending.DONE),
        (scripts.CONFLICT, ["ready", "finished conflict"], Ending.DONE),
        (scripts.OUTDATED, ["ready", "finished outdated"], Ending.DONE),
        (scripts.KILLED, ["ready", "failed broken"], Ending.BROKEN),
        (scripts.KILLED_IN_JOB, ["ready", "started", "failed broken"], Ending.BROKEN),
        (scripts.CRASHED, ["ready", "failed broken"], Ending.BROKEN),
        (scripts.ZOMBIE, ["ready", "started", "finished Succeeded"], Ending.DONE),
    ],
)
def test_every_end_of_a_runner_is_told(
    machine: Machine, body: str, story: list[str], ending: Ending
) -> None:
    assert machine.live(body) == story
    assert machine.ending == ending


def test_the_config_is_removed_before_ready_is_said(machine: Machine) -> None:
    machine.live(scripts.NO_JOB)
    assert machine.host.removed == 1
    assert machine.outbox.wait_for("ready").detail == ""


def test_a_config_removed_at_the_second_try_is_removed(machine: Machine) -> None:
    machine.host.remove_errors = [RateLimited("slow down", after=1)]
    machine.live(scripts.NO_JOB)
    assert machine.outbox.wait_for("ready").detail == ""


def test_a_config_that_stays_is_owned_up_to(machine: Machine) -> None:
    machine.host.remove_errors = [Unavailable("away")] * 3
    machine.live(scripts.NO_JOB)
    assert machine.outbox.wait_for("ready").detail == NOT_REMOVED
    assert machine.host.removed == 1, "the last try comes at the runner's end"


def test_started_carries_the_jobs_name(machine: Machine) -> None:
    machine.live(scripts.job("Succeeded"))
    assert machine.outbox.wait_for("started").job == "build (arm64)"


def test_the_agent_waits_for_a_config_and_a_network(machine: Machine) -> None:
    machine.install(scripts.NO_JOB)
    machine.host.config_errors = [Unavailable("no answer"), RateLimited("slow", after=1)]
    machine.boot()
    machine.host.wait_for_looks(4)
    machine.give_config()
    assert machine.wait() == ["ready", "finished no_job"]


def test_a_machine_that_gets_no_config_ends_itself(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.be_quick(config_timeout=0.05)
    machine.boot()
    assert machine.wait() == []
    assert machine.ending is Ending.NO_CONFIG
    assert "no config in time" in caplog.messages


def test_a_config_that_cannot_be_read_ends_the_machine(machine: Machine) -> None:
    machine.host.config_errors = [Refused("not a config")]
    machine.boot()
    assert machine.wait() == []
    assert machine.ending is Ending.NO_CONFIG


def test_being_told_to_stop_ends_the_wait_for_a_config(machine: Machine) -> None:
    machine.boot()
    machine.host.wait_for_looks(1)
    machine.terminate()
    assert machine.wait() == []
    assert machine.ending is Ending.INTERRUPTED


def test_a_missing_run_sh_is_a_broken_machine(machine: Machine) -> None:
    machine.give_config()
    machine.boot()
    assert machine.wait() == ["ready", "failed broken"]
    assert machine.ending is Ending.BROKEN
    assert "run.sh" in machine.outbox.wait_for("failed").detail


def test_a_run_sh_that_may_not_run_is_a_broken_machine(machine: Machine) -> None:
    (machine.runner_dir / "run.sh").write_text(scripts.NO_JOB)
    machine.give_config()
    machine.boot()
    assert machine.wait() == ["ready", "failed broken"]


def test_an_idle_runner_is_stopped_gracefully(machine: Machine) -> None:
    machine.give_config(idle_limit=0.2)
    assert machine.live(scripts.IDLE) == ["ready", "finished idle"]
    assert machine.ending is Ending.DONE


def test_a_runner_deaf_to_signals_is_killed(machine: Machine) -> None:
    machine.give_config(idle_limit=0.2)
    machine.be_quick(stop_grace=0.1)
    assert machine.live(scripts.DEAF + scripts.IDLE.removeprefix(scripts.TRAP)) == [
        "ready",
        "finished idle",
    ]


def test_a_deaf_listener_is_killed_in_its_own_process_group(machine: Machine) -> None:
    alive = machine.runner_dir / "alive"
    os.mkfifo(alive)
    machine.install(f"set -m\n{scripts.DEAF}exec 9> {alive}\n{scripts.LISTENING}{scripts.WAIT}")
    machine.give_config()
    machine.be_quick(stop_grace=0.1)
    machine.boot()
    with alive.open() as opened_by_the_runner:
        machine.terminate()
        assert opened_by_the_runner.read() == ""
    assert machine.wait() == ["ready", "interrupted", "finished interrupted"]


def test_a_job_beyond_the_maximum_runtime_is_cancelled(machine: Machine) -> None:
    machine.give_config(max_runtime=5)
    story = machine.live(scripts.CANCELLED_BY_STOP)
    assert story == ["ready", "started", "finished max_runtime"]
    assert machine.outbox.wait_for("finished").detail == "Canceled"


def test_a_runner_that_hangs_after_its_job_is_stopped(machine: Machine) -> None:
    machine.be_quick(wind_up=0.1)
    assert machine.live(scripts.LINGERING) == ["ready", "started", "finished Succeeded"]


def test_a_spot_notice_before_the_job_stops_the_runner(machine: Machine) -> None:
    machine.host.notice_detail = "spot terminate at noon"
    assert machine.live(scripts.IDLE) == ["ready", "interrupted", "finished interrupted"]
    assert machine.outbox.wait_for("interrupted").detail == "spot terminate at noon"


def test_a_spot_notice_during_the_job_lets_it_finish(machine: Machine) -> None:
    go = machine.runner_dir / "go"
    os.mkfifo(go)
    machine.install(
        scripts.HELLO + scripts.LISTENING + scripts.RUNNING
        + "read -r < go\n" + scripts.completed("Succeeded")
    )  # fmt: skip
    machine.give_config()
    machine.boot()
    machine.outbox.wait_for("started")
    machine.host.notice_detail = "spot terminate at noon"
    machine.outbox.wait_for("interrupted")
    go.write_text("on\n")
    assert machine.wait() == ["ready", "started", "interrupted", "finished Succeeded"]


def test_being_told_to_stop_cancels_the_job_gracefully(machine: Machine) -> None:
    machine.install(scripts.CANCELLED_BY_STOP)
    machine.give_config()
    machine.boot()
    machine.outbox.wait_for("started")
    machine.terminate()
    assert machine.wait() == ["ready", "started", "interrupted", "finished Canceled"]
    assert machine.ending is Ending.INTERRUPTED


def test_reports_wait_for_a_queue_that_is_away(machine: Machine) -> None:
    machine.outbox.away = True
    machine.install(scripts.job("Succeeded"))
    machine.give_config()
    machine.boot()
    machine.outbox.wait_for_refusals(3)
    machine.outbox.away = False
    assert machine.wait() == ["ready", "started", "finished Succeeded"]


def test_a_queue_that_stays_away_keeps_no_machine(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.outbox.away = True
    machine.be_quick(report_drain=0.05)
    assert machine.live(scripts.job("Succeeded")) == []
    assert machine.ending is Ending.DONE
    assert "reports lost" in caplog.messages


def test_a_machine_is_ended_again_until_it_works(machine: Machine) -> None:
    machine.host.end_errors = [Unavailable("away"), Refused("not yet allowed")]
    machine.live(scripts.NO_JOB)
    assert machine.ending is Ending.DONE


def test_giving_up_on_the_machine_is_a_failure_that_is_logged(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.host.end_errors = [Unavailable("away")] * 1_000
    machine.be_quick(end_timeout=0.05)
    machine.live(scripts.NO_JOB)
    assert machine.ending is Ending.STUCK
    assert "machine not ended" in caplog.messages
    machine.host.end_errors.clear()
    machine.host.end()


def test_a_mistake_of_ours_costs_no_machine(machine: Machine) -> None:
    machine.host.config_errors = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        machine.agent().run()


@pytest.mark.parametrize("groups", ["", "set -m\n"], ids=["same group", "group of its own"])
def test_what_a_job_leaves_in_the_background_is_killed(machine: Machine, groups: str) -> None:
    alive = machine.runner_dir / "alive"
    os.mkfifo(alive)
    # The reader sees the end of the pipe only when nobody is left to write into it.
    machine.install(f"{groups}exec 9> {alive}\nsleep infinity &\n{scripts.job('Succeeded')}")
    machine.give_config()
    machine.boot()
    assert alive.read_text() == ""
    machine.wait()


def test_an_escaped_grandchild_on_the_pipe_does_not_hide_the_end(machine: Machine) -> None:
    leash = machine.runner_dir / "leash"
    os.mkfifo(leash)
    hold = os.open(leash, os.O_RDWR)
    machine.be_quick(output_drain=1)
    # `read` returns when the grandchild has left the process group.
    escape = f"mkfifo up; setsid bash -c 'echo > up; read -r < {leash}' & read -r < up\n"
    assert machine.live(escape + scripts.job("Succeeded"))[-1] == "finished Succeeded"
    os.write(hold, b"go\n")
    os.close(hold)


def test_a_job_finds_nothing_of_ours(machine: Machine) -> None:
    machine.environ |= {
        "AWS_SECRET_ACCESS_KEY": "aws-secret",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://localhost:1",
        "RUNS_FLEET_AGENT_SSM_PREFIX": "/runs-fleet",
        "PYTHONSAFEPATH": "1",
        "LANG": "C.UTF-8",
    }
    machine.live("env > env.txt; cat /proc/$$/cmdline /proc/$PPID/cmdline > args.txt; pwd > cwd")
    seen = _environment(machine.runner_dir / "env.txt")
    assert [key for key in seen if key.startswith(("AWS_", "RUNS_FLEET_", "PYTHON"))] == []
    assert seen["LANG"] == "C.UTF-8"
    assert seen["ACTIONS_RUNNER_INPUT_JITCONFIG"] == JIT
    assert seen["RUNNER_MANUALLY_TRAP_SIG"] == "1"
    assert JIT not in (machine.runner_dir / "args.txt").read_text()
    assert (machine.runner_dir / "cwd").read_text().strip() == str(machine.runner_dir)


def test_the_log_has_the_runners_output_without_its_secret(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    machine.live('echo "my config is $ACTIONS_RUNNER_INPUT_JITCONFIG"')
    lines = [record.__dict__.get("line") for record in caplog.records]
    assert "my config is ***" in lines
    assert not [record for record in caplog.records if JIT in str(record.__dict__)]


def _environment(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
