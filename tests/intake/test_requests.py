"""A job's input and the words that introduce it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from intake import requests
from intake.requests import LONGEST_SUMMARY, Routing
from runs_fleet import labels
from runs_fleet.github.events import JobQueued
from runs_fleet.models import Mode, Policy, Scope

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BOTH: frozenset[Mode] = frozenset({"ec2", "k8s"})


def job(label: str = "runs-fleet/cpu=4/ram=16") -> JobQueued:
    asked = labels.parse([label])
    assert asked is not None
    return JobQueued(
        job_id=7,
        run_id=11,
        run_attempt=2,
        scope=Scope(repo="octo-org/app"),
        name="build",
        workflow="CI",
        labels=(label,),
        url="https://github.com/octo-org/app/actions/runs/11/job/7",
        queued_at=NOON,
        delivered_at=NOON,
        delivery="4d8ed510",
        asked=asked,
    )


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        ("runs-fleet", "ec2"),
        ("runs-fleet/backend=ec2", "ec2"),
        ("runs-fleet/backend=k8s", "k8s"),
        ("runs-fleet/cpu=x/backend=k8s", "ec2"),
    ],
)
def test_a_backend_in_the_label_chooses_the_mode(label: str, mode: Mode) -> None:
    assert Routing(mode="ec2", backends=BOTH).request(job(label)).mode == mode


def test_the_operators_patience_goes_into_the_request() -> None:
    patient = Policy(max_wait=timedelta(hours=1))
    assert Routing(policy=patient).request(job()).policy == patient


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("runs-fleet/pool=big", "octo-org/app · CI / build · pool big"),
        (
            "runs-fleet/cpu=4+4/ram=16/arch=arm64",
            "octo-org/app · CI / build · 4 cpu, 16+ GiB, arm64",
        ),
        ("runs-fleet/cpu=x", "octo-org/app · CI / build · refused"),
    ],
)
def test_a_summary_tells_a_job_from_others(label: str, line: str) -> None:
    assert requests.summary(Routing().request(job(label))).startswith(line)


@pytest.mark.parametrize("name", ["é" * 250, '"' * 250, "🚀" * 250])
def test_a_summary_fits(name: str) -> None:
    line = requests.summary(Routing().request(replace(job(), name=name)))
    assert len(line.encode()) <= LONGEST_SUMMARY


def test_details_link_the_job_and_say_what_was_asked() -> None:
    text = requests.details(Routing().request(job()))
    assert "[build](https://github.com/octo-org/app/actions/runs/11/job/7)" in text
    assert "attempt 2 of run 11" in text
    assert "`runs-fleet/cpu=4/ram=16`" in text
    assert "4 to 8 cpu, 16+ GiB" in text


def test_details_of_a_refusal_say_why() -> None:
    assert "did you mean 'cpu'" in requests.details(Routing().request(job("runs-fleet/cpus=4")))


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x/)[y](z"])
def test_only_a_plain_web_address_becomes_a_link(url: str) -> None:
    text = requests.details(Routing().request(replace(job(), url=url)))
    assert text.startswith("- job: build, attempt 2")
