"""GitHub's lists as a sweep reads them, from the fake GitHub over HTTP."""

import itertools

import pytest

from runs_fleet.census import WaitingJob
from runs_fleet.errors import NotThere, RateLimited, Refused
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.sweep import SweepClient
from runs_fleet.hooks import Hook
from runs_fleet.models import Scope
from runs_fleet.sweep_ports import SweptGitHub
from simulator.github import Chaos, GitHubWorld, JobPlan, RunPlan
from simulator.github.plans import Drain

LABEL = "runs-fleet=${{ github.run_id }}/cpu=2"
APP = Hook()
NOWHERE = "http://127.0.0.1:9/webhook"


def queue(world: GitHubWorld, owner: str, *names: str, label: str = LABEL) -> tuple[int, ...]:
    """Queue one job of each name, in one run."""
    jobs = tuple(JobPlan(name=name, labels=(label,)) for name in names)
    return world.create_run(RunPlan(repo=f"{owner}/app", jobs=jobs)).jobs


def waiting(sweep: SweepClient, scope: Scope) -> list[WaitingJob]:
    return list(itertools.chain.from_iterable(sweep.waiting_jobs(scope)))


def test_the_client_is_the_port(sweep: SweepClient) -> None:
    port: SweptGitHub = sweep
    assert port is sweep


def test_a_repository_is_enough_to_find_its_scope(sweep: SweepClient, owner: str) -> None:
    scope = sweep.scope(f"{owner}/app")
    assert scope.org == owner
    assert scope.installation_id is not None
    assert sweep.place(Scope(repo=f"{owner}/app")) == owner


def test_a_repository_without_the_app_is_refused(sweep: SweepClient, world: GitHubWorld) -> None:
    with pytest.raises(Refused, match="not installed"):
        sweep.scope("nobody/knows")


def test_all_runners_of_a_place_are_listed(
    sweep: SweepClient, client: GitHubClient, owner: str
) -> None:
    scope = sweep.scope(f"{owner}/app")
    for number in range(3):
        client.mint(scope, f"runs-fleet-{number}-1", [LABEL])
    found = list(itertools.chain.from_iterable(sweep.registrations(Scope(repo=scope.repo))))
    assert [each.runner for each in found] == [f"runs-fleet-{n}-1" for n in range(3)]
    assert not any(each.online or each.busy for each in found)


def test_a_registration_is_found_and_deleted(
    sweep: SweepClient, client: GitHubClient, owner: str
) -> None:
    scope = sweep.scope(f"{owner}/app")
    client.mint(scope, "runs-fleet-1-1", [LABEL])
    found = sweep.find_runner(Scope(repo=scope.repo), "runs-fleet-1-1")
    assert found is not None
    sweep.delete_runner(scope, found.runner_id)
    assert sweep.find_runner(scope, "runs-fleet-1-1") is None


def test_queued_jobs_of_ours_are_found(sweep: SweepClient, world: GitHubWorld, owner: str) -> None:
    jobs = queue(world, owner, "build", "test")
    queue(world, owner, "foreign", label="ubuntu-latest")
    found = waiting(sweep, Scope(repo=f"{owner}/app"))
    assert {job.job_id for job in found} == set(jobs)
    assert {job.name for job in found} == {"build", "test"}
    assert found[0].scope.org == owner
    assert len(found[0].head_sha) == 40
    assert found[0].labels[0].startswith("runs-fleet=")


def test_a_job_that_waits_in_a_run_that_goes_on_is_found(
    sweep: SweepClient, world: GitHubWorld, owner: str
) -> None:
    first, second = queue(world, owner, "first", "second")
    world.cancel_job(first)
    assert [job.job_id for job in waiting(sweep, Scope(repo=f"{owner}/app"))] == [second]


def test_failed_deliveries_are_listed_and_sent_again(
    sweep: SweepClient, world: GitHubWorld, owner: str
) -> None:
    world.deliver_to(NOWHERE)
    [job] = queue(world, owner, "build")
    world.until(lambda books: any(d.job_id == job for d in books.deliveries if d.status_code))
    page = sweep.deliveries(APP, "")
    newest = page.items[0]
    assert (newest.ok, newest.event, newest.action) == (False, "workflow_job", "queued")
    sweep.redeliver(APP, newest.delivery_id)
    world.until(lambda books: sum(d.guid == newest.guid for d in books.deliveries) == 2)


def test_deliveries_are_read_page_by_page(
    sweep: SweepClient, world: GitHubWorld, owner: str
) -> None:
    world.chaos(Chaos(drop=1))
    queue(world, owner, *(f"job-{number}" for number in range(130)))
    first = sweep.deliveries(APP, "")
    assert len(first.items) == 100
    assert first.after
    second = sweep.deliveries(APP, first.after)
    assert second.items[0].delivery_id < first.items[-1].delivery_id


def test_an_organizations_own_hook_has_its_own_list(
    sweep: SweepClient, world: GitHubWorld, owner: str
) -> None:
    world.chaos(Chaos(drop=1, hooks=("organization",)))
    queue(world, owner, "build")
    hook = Hook(kind="org", target=owner, hook_id=417002)
    newest = sweep.deliveries(hook, "").items[0]
    assert not newest.ok
    sweep.redeliver(hook, newest.delivery_id)


def test_a_forgotten_delivery_is_not_there(sweep: SweepClient, world: GitHubWorld) -> None:
    with pytest.raises(NotThere):
        sweep.redeliver(APP, 7)


def test_the_last_fifth_of_the_hour_is_not_the_sweeps(
    sweep: SweepClient, world: GitHubWorld, owner: str
) -> None:
    world.drain(Drain(remaining=900, reset_in=600))
    scope = Scope(repo=f"{owner}/app", org=owner)
    with pytest.raises(RateLimited, match="not for the sweep"):
        [list(sweep.registrations(scope)) for _ in range(3)]
    with pytest.raises(RateLimited, match="899 of 5000"):
        sweep.find_runner(scope, "runs-fleet-1-1")
