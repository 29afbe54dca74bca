"""REST: self-hosted runners of an organization or a repository."""

from typing import Any

from simulator.github import jit
from simulator.github.bodies import Json
from simulator.github.entities import HOSTED_GROUP, Runner
from simulator.github.paging import paged
from simulator.github.pipeline import NOT_FOUND, Call, Failure, Reply
from simulator.github.registry import NameTaken
from simulator.github.service import GitHubService

DOCS = "https://docs.github.com/rest/actions/self-hosted-runners"
REQUIRED = ("name", "runner_group_id", "labels")
LONGEST_NAME, MOST_LABELS = 64, 100


def generate(service: GitHubService, call: Call) -> Reply:
    """Register an ephemeral runner with exactly the given labels."""
    scope, body = scope_of(service, call), call.body
    _check(body)
    group = body["runner_group_id"]
    if group == HOSTED_GROUP:
        raise Failure(403, "Forbidden")
    if group not in service.hub.groups:
        raise NOT_FOUND
    try:
        runner = service.hub.registry.register(
            body["name"], scope, labels=tuple(body["labels"]), group_id=group,
            work_folder=body.get("work_folder", "_work"),
        )  # fmt: skip
    except NameTaken as error:
        text = f"Already exists - A runner with the name {error} already exists."
        raise Failure(409, text, docs=DOCS) from None
    service.hub.idle(runner)
    config = jit.encoded(runner, broker=service.broker_url, web=service.root, rng=service.rng)
    service.jit_configs.append(config)
    return Reply(201, {"runner": service.bodies.runner(runner), "encoded_jit_config": config})


def listing(service: GitHubService, call: Call) -> Reply:
    """List runners, or the one of a name."""
    found = service.hub.registry.of(scope_of(service, call))
    if "name" in call.query:
        found = [r for r in found if r.name.lower() == call.query["name"].lower()]
    return paged(call, found, key="runners", write=service.bodies.runner)


def one(service: GitHubService, call: Call) -> Reply:
    """Show one runner."""
    return Reply(body=service.bodies.runner(_runner(service, call)))


def delete(service: GitHubService, call: Call) -> Reply:
    """Remove a runner that is not working."""
    runner = _runner(service, call)
    if runner.busy:
        text = f'Runner "{runner.name}" is currently running a job and cannot be deleted.'
        raise Failure(422, f"Bad request - {text}", docs=DOCS)
    service.hub.remove(runner, "api")
    return Reply(204)


def groups(service: GitHubService, call: Call) -> Reply:
    """List the runner groups of an organization."""
    url = f"{service.bodies.api}/orgs/{scope_of(service, call)}/actions/runner-groups"
    found = [group for group in service.hub.groups.items() if group[0] != HOSTED_GROUP]
    return paged(call, found, key="runner_groups", write=lambda group: _group(url, *group))


def _group(url: str, number: int, name: str) -> Json:
    return {
        "id": number,
        "name": name,
        "visibility": "all",
        "default": number == 1,
        "runners_url": f"{url}/{number}/runners",
        "inherited": False,
        "allows_public_repositories": True,
        "restricted_to_workflows": False,
        "selected_workflows": [],
        "workflow_restrictions_read_only": False,
    }


def scope_of(service: GitHubService, call: Call) -> str:
    """Find what the token may touch; anything else does not exist, GitHub says."""
    account = call.token and call.token.account
    if "org" in call.params:
        if account and account.org and account.login.lower() == call.params["org"].lower():
            return account.login
        raise NOT_FOUND
    if service.apps.repos.get(call.repo.lower()) != account or account is None:
        raise NOT_FOUND
    return call.repo


def _runner(service: GitHubService, call: Call) -> Runner:
    scope = scope_of(service, call)
    runner = service.hub.registry.alive.get(call.number("runner_id"))
    if runner is None or runner.scope.lower() != scope.lower():
        raise NOT_FOUND
    return runner


def _check(body: Json) -> None:
    for key in REQUIRED:
        if key not in body:
            _invalid(f"Invalid input: object is missing required key: {key}")
    name, labels = body["name"], body["labels"]
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        _invalid("Invalid property /name: must be 1 to 64 characters long")
    if not isinstance(body["runner_group_id"], int):
        _invalid("Invalid property /runner_group_id: is not an integer")
    _check_labels(labels)


def _check_labels(labels: Any) -> None:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        _invalid("Invalid property /labels: is not an array of strings")
    if not labels:
        _invalid("Invalid property /labels: 1 item required; only 0 were supplied.")
    if len(labels) > MOST_LABELS:
        _invalid(f"Invalid property /labels: only 100 allowed; {len(labels)} were supplied.")


def _invalid(text: str) -> None:
    raise Failure(422, f"Invalid request.\n\n{text}", docs=DOCS)
