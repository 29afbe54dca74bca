"""What each answer of the API means to its caller."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration

from runs_fleet.errors import (
    FleetError,
    NoCapacity,
    NotThere,
    RateLimited,
    Refused,
    Unavailable,
)
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import Cluster
from runs_fleet.providers.k8s.errors import Conflict, Expired, Taken, verdict
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Site
from tests.k8s.orders import order


def said(status: int, reason: str = "", message: str = "words", **more: Any) -> FleetError:
    body = json.dumps({"kind": "Status", "reason": reason, "message": message})
    return verdict(status, body.encode(), "POST /jobs", headers={}, **more)


@pytest.mark.parametrize(
    ("status", "reason", "message", "meaning"),
    [
        (400, "BadRequest", "", Refused),
        (401, "Unauthorized", "", Unavailable),
        (403, "Forbidden", 'jobs.batch is forbidden: User "x" cannot create', Refused),
        (403, "Forbidden", 'is forbidden: exceeded quota: q, used: pods=1', NoCapacity),
        (403, "Forbidden", "violates PodSecurity", Refused),
        (404, "NotFound", "", NotThere),
        (405, "MethodNotAllowed", "", Refused),
        (408, "Timeout", "", Unavailable),
        (409, "AlreadyExists", "", Taken),
        (409, "Conflict", "Operation cannot be fulfilled on resourcequotas", Conflict),
        (410, "Expired", "", Expired),
        (413, "RequestEntityTooLarge", "", Refused),
        (422, "Invalid", "", Refused),
        (429, "TooManyRequests", "", RateLimited),
        (500, "InternalError", "failed calling webhook", Unavailable),
        (503, "ServiceUnavailable", "", Unavailable),
        (504, "Timeout", "", Unavailable),
    ],
)  # fmt: skip
def test_an_answer_says_what_to_do_next(
    status: int, reason: str, message: str, meaning: type[FleetError]
) -> None:
    error = said(status, reason, message)
    assert type(error) is meaning
    assert message in str(error)


def test_a_quota_in_dispute_is_not_a_name_that_is_taken() -> None:
    assert not isinstance(said(409, "Conflict"), Taken)


@pytest.mark.parametrize(
    ("asked", "least"), [({"Retry-After": "7"}, 7), ({}, 1), ({"Retry-After": "soon"}, 1)]
)
def test_whoever_is_throttled_waits_as_long_as_asked(asked: dict[str, str], least: float) -> None:
    error = verdict(429, b"{}", "POST /jobs", headers=asked)
    assert isinstance(error, RateLimited)
    assert least <= error.after <= least + 2


@pytest.mark.parametrize("status", [400, 422])
def test_what_repeats_a_rejected_secret_is_kept_out(status: int) -> None:
    assert "hunter2" not in str(said(status, "Invalid", "hunter2", quote=False))
    assert "hunter2" in str(said(status, "Invalid", "hunter2"))


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[]", b"", b"\xff"])
def test_an_answer_of_something_else_is_read_as_far_as_it_goes(body: bytes) -> None:
    assert type(verdict(502, body, "GET /jobs", headers={})) is Unavailable


def test_a_long_answer_is_cut() -> None:
    assert len(str(said(400, "BadRequest", "x" * 10_000))) < 1000


def test_a_server_that_is_away_is_unavailable() -> None:
    access = Configuration()
    access.host = "https://127.0.0.1:1"
    with ApiClient(access) as client:
        provider = K8sProvider(Cluster(Rest(client), "ci"), Site("ci", "runner:1"))
        with pytest.raises(Unavailable):
            provider.create(order())


@pytest.mark.parametrize("content", [None, "nonsense: [", "{}"])
def test_a_kubeconfig_that_leads_nowhere_is_refused(tmp_path: Path, content: str | None) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(content) if content else None
    with pytest.raises(Refused, match="no way to the cluster by"):
        connect(kubeconfig)


def test_outside_a_cluster_there_is_no_service_account() -> None:
    with pytest.raises(Refused, match="the service account of this pod"):
        connect()
