"""Machines that do not get on, or end by what their job did: named, replaced, not run again."""

import pytest

from runs_fleet import judging, reruns, story
from tests.ledgers import POLICY, at, booting, idle, running, says_cloud, says_github

MESSAGE = "0/3 nodes are available: 3 Insufficient cpu."
BOOTED = POLICY.boot_timeout.total_seconds()


def test_what_a_machine_waits_for_is_shown_at_once() -> None:
    ledger = booting()
    says_cloud(ledger, 20, kind="stalled", cause="Unschedulable", detail=MESSAGE)
    page = story.details(ledger)
    assert "machine waits: `Unschedulable`" in page
    assert MESSAGE in page


def test_what_a_machine_waited_for_is_the_cause_of_its_end() -> None:
    ledger = booting()
    says_cloud(ledger, 20, kind="stalled", cause="ImagePullBackOff")
    runner = ledger.runners[0]
    assert judging.judge(ledger, runner, at(BOOTED - 1)) == ""
    assert judging.judge(ledger, runner, at(BOOTED)) == "ImagePullBackOff"


@pytest.mark.parametrize("cause", ["OOMKilled", "Evicted"])
def test_a_machine_that_ended_before_its_job_is_replaced(cause: str) -> None:
    ledger = idle()
    says_cloud(ledger, 35, cause=cause, taken=cause == "Evicted")
    assert judging.judge(ledger, ledger.runners[0], at(36)) == cause


@pytest.mark.parametrize("taken", [True, False])
def test_a_job_that_ended_its_machine_itself_is_not_run_again(*, taken: bool) -> None:
    ledger = running()
    says_cloud(ledger, 50, cause="Evicted" if taken else "OOMKilled", taken=taken)
    says_github(ledger, "completed", 60, conclusion="failure")
    assert reruns.owes_rerun(ledger) is taken


def test_the_clouds_own_code_says_more_than_the_notice_before_it() -> None:
    ledger = idle()
    says_cloud(ledger, 35, kind="interruption")
    says_cloud(ledger, 40, cause="Evicted")
    says_cloud(ledger, 45, cause="Deleted")
    assert ledger.runners[0].lost == "Evicted"
