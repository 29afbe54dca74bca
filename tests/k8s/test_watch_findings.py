"""Of all that pods, Jobs and warnings say, what is news is told once, and only if it lasts."""

from datetime import UTC, datetime

import pytest

from runs_fleet import names
from runs_fleet.ports import MachineNews
from runs_fleet.providers.k8s import trouble
from runs_fleet.providers.k8s.findings import Findings
from tests.k8s.objects import (
    DISRUPTED,
    Object,
    condition,
    deleted,
    job,
    pod,
    terminated,
    waiting,
    warning,
)

NOW = datetime(2026, 7, 1, 10, 1, tzinfo=UTC)
UNSCHEDULABLE = pod(conditions=[condition("PodScheduled", "False", "Unschedulable", "no node")])
KILLED = pod("Failed", containerStatuses=terminated(137, "OOMKilled"))
DONE = pod("Succeeded", containerStatuses=terminated(0, "Completed"))
QUOTA = warning("FailedCreate", 'pods "x" is forbidden: exceeded quota')
AGES = 1000.0


class Watched:
    """Findings with a clock that the test moves."""

    def __init__(self, most: int = 100) -> None:
        self.time = 0.0
        self.findings = Findings(clock=lambda: self.time, now=lambda: NOW, most=most)

    def after(self, seconds: float) -> list[tuple[str, str]]:
        """Say what is told once this much time has passed."""
        return [(each.event.kind, each.event.cause) for each in self.news_after(seconds)]

    def news_after(self, seconds: float) -> list[MachineNews]:
        at_once = self.findings.due()
        self.time += seconds
        return at_once + self.findings.due()

    def sees(self, *, pod: Object | None = None, job: Object | None = None) -> None:
        self.findings.replace("jobs", [job] if job else [])
        self.findings.replace("pods", [pod] if pod else [])


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_stall_is_told_when_it_lasts_and_only_once(watched: Watched) -> None:
    watched.sees(pod=UNSCHEDULABLE, job=job())
    assert watched.after(9) == []
    watched.findings.note("pods", UNSCHEDULABLE)
    assert watched.after(1) == [("stalled", "Unschedulable")]
    assert watched.after(AGES) == []


def test_a_stall_that_passes_is_not_told(watched: Watched) -> None:
    watched.sees(pod=UNSCHEDULABLE, job=job())
    assert watched.after(9) == []
    watched.findings.note("pods", pod(containerStatuses=waiting("ContainerCreating")))
    assert watched.after(AGES) == []


def test_each_cause_is_told_of_one_pod(watched: Watched) -> None:
    watched.sees(pod=UNSCHEDULABLE, job=job())
    assert watched.after(10) == [("stalled", "Unschedulable")]
    watched.findings.note("pods", pod(containerStatuses=waiting("ImagePullBackOff")))
    assert watched.after(10) == [("stalled", "ImagePullBackOff")]
    watched.findings.note("pods", KILLED)
    assert watched.after(0) == [("gone", "OOMKilled")]


def test_after_its_end_nothing_more_is_told_of_a_machine(watched: Watched) -> None:
    watched.sees(pod=KILLED, job=job())
    assert watched.after(0) == [("gone", "OOMKilled")]
    watched.findings.note("jobs", job(condition("Failed", "True", "BackoffLimitExceeded")))
    watched.findings.note("pods", deleted(KILLED), gone=True)
    assert watched.after(AGES) == []


def test_a_normal_end_is_never_told_when_its_job_is_taken_away_in_time(watched: Watched) -> None:
    watched.sees(pod=DONE, job=job())
    assert watched.after(10) == []
    watched.findings.note("jobs", job(), gone=True)
    watched.findings.note("pods", deleted(DONE, grace=0), gone=True)
    assert watched.after(AGES) == []
    assert len(watched.findings) == 0


def test_a_normal_end_that_nobody_cleans_up_is_told_as_routine(watched: Watched) -> None:
    watched.sees(pod=DONE, job=job())
    (news,) = watched.news_after(trouble.ROUTINE_LASTS)
    assert (news.event.cause, news.routine) == ("Completed", True)


def test_an_eviction_is_told_at_once(watched: Watched) -> None:
    watched.sees(pod=pod("Running"), job=job())
    watched.findings.note("pods", deleted(pod("Running", conditions=[DISRUPTED])))
    assert watched.after(0) == [("interruption", "EvictionByEvictionAPI")]
    watched.findings.note("pods", deleted(pod("Running", conditions=[DISRUPTED])), gone=True)
    assert watched.after(0) == [("gone", "EvictionByEvictionAPI")]


def test_a_pod_that_never_ends_on_a_dead_node_is_told_as_lost(watched: Watched) -> None:
    watched.sees(pod=deleted(pod("Running", conditions=[DISRUPTED])), job=job())
    assert watched.after(0) == [("interruption", "EvictionByEvictionAPI")]
    assert watched.after(AGES) == [("gone", "NodeLost")]


def test_a_deadline_is_the_cause_whatever_its_pod_says(watched: Watched) -> None:
    watched.sees(pod=pod("Running"), job=job())
    watched.findings.note("pods", deleted(pod("Running")))
    assert watched.after(1) == []
    watched.findings.note("jobs", job(condition("FailureTarget", "True", "DeadlineExceeded")))
    assert watched.after(0) == [("gone", "DeadlineExceeded")]
    watched.findings.note("pods", deleted(pod("Running")), gone=True)
    assert watched.after(AGES) == []


def test_a_job_that_cannot_make_its_pod_is_named(watched: Watched) -> None:
    watched.sees(job=job())
    watched.findings.note("warnings", QUOTA)
    (news,) = watched.news_after(5)
    assert (news.event.kind, news.event.cause) == ("stalled", "FailedCreate")
    assert "exceeded quota" in news.event.detail


def test_a_job_that_makes_its_pod_after_all_is_not_named(watched: Watched) -> None:
    watched.sees(job=job())
    watched.findings.note("warnings", QUOTA)
    assert watched.after(4) == []
    watched.findings.note("pods", pod("Running"))
    assert watched.after(AGES) == []


def test_a_warning_about_somebody_elses_job_is_not_told(watched: Watched) -> None:
    watched.findings.note("warnings", QUOTA)
    assert watched.after(AGES) == []
    assert len(watched.findings) == 0


def test_a_pod_that_went_unseen_is_told_as_gone(watched: Watched) -> None:
    watched.sees(pod=pod("Running"), job=job())
    watched.findings.replace("pods", [])
    (news,) = watched.news_after(trouble.DELETED_LASTS)
    assert (news.event.kind, news.event.cause, news.routine) == ("gone", "Deleted", True)


def test_a_failed_job_whose_pod_was_never_seen_is_told(watched: Watched) -> None:
    watched.sees(job=job(condition("Failed", "True", "BackoffLimitExceeded")))
    assert watched.after(trouble.JOB_LASTS) == [("gone", "BackoffLimitExceeded")]


def test_what_is_over_is_forgotten(watched: Watched) -> None:
    watched.sees(pod=KILLED, job=job())
    watched.findings.due()
    watched.sees()
    watched.findings.due()
    assert len(watched.findings) == 0


def test_there_are_never_more_machines_than_there_is_room_for() -> None:
    watched = Watched(most=10)
    runners = [names.runner(number, 1) for number in range(50)]
    watched.findings.replace("pods", [pod(runner=runner) for runner in runners])
    assert len(watched.findings) == 10


def test_pods_of_other_programs_are_left_alone(watched: Watched) -> None:
    watched.sees(pod=pod("Failed", runner="backup"), job=job(runner="backup"))
    assert watched.after(AGES) == []
    assert len(watched.findings) == 0


def test_what_is_cleared_is_told_by_somebody_else(watched: Watched) -> None:
    watched.sees(pod=KILLED, job=job())
    watched.findings.clear()
    assert watched.after(AGES) == []
