"""GitHub's JSON: real payloads as templates, with our names, ids and times laid over them."""

import base64
import hashlib
import json
import zlib
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.github.entities import Job, Place, Run, Runner

Json = dict[str, Any]
DATA = Path(__file__).parent / "data"
TEMPLATE_REPO = "lineville/elastic-machines-testing"
NOBODY = Place(runner_id=0, runner_name="")


def utc(seconds: float | None) -> str | None:
    """Write a time as GitHub does."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(text: str) -> int:
    """Derive a stable id from a name."""
    return zlib.crc32(text.lower().encode())


def node_id(prefix: str, value: int) -> str:
    """Make something that looks like a global node id."""
    tail = base64.urlsafe_b64encode(value.to_bytes(8, "big")).decode().rstrip("=")
    return f"{prefix}_{tail}"


class Bodies:
    """Writes bodies for one base address; what belongs to a repository is made once."""

    def __init__(self, api: str, web: str, *, app_id: int) -> None:
        self.api, self.web, self.app_id = api, web, app_id
        self._repos: dict[tuple[str, bool], Json] = {}

    @cached_property
    def _template(self) -> str:
        return (DATA / "workflow_job.json").read_text()

    @cached_property
    def _run_template(self) -> Json:
        return self._localized((DATA / "workflow_run.json").read_text())

    @cached_property
    def _installation_template(self) -> Json:
        return self._localized((DATA / "installation.json").read_text())

    def around(self, run: Run, installation_id: int) -> Json:
        """Write the parts of a webhook payload that are the same for all jobs of a repository."""
        key = (run.repo, run.plan.org)
        if key not in self._repos:
            self._repos[key] = self._envelope(run.repo, org=run.plan.org)
        installation = {"id": installation_id, "node_id": node_id("MDIz", installation_id)}
        return self._repos[key] | {"installation": installation}

    def event(self, job: Job, action: str, *, installation_id: int) -> Json:
        """Write the payload of a workflow_job event."""
        parts = dict(self.around(job.run, installation_id))
        deployment = parts.pop("deployment")
        body: Json = {"action": action, "workflow_job": self.job(job), **parts}
        if job.status == "waiting" and action == "queued":
            environment = {"environment": job.plan.environment, "ref": job.run.plan.branch}
            body["deployment"] = deployment | environment
        return body

    def job(self, job: Job) -> Json:
        """Write a job, as REST and webhooks show it."""
        repo, place = f"{self.api}/repos/{job.run.repo}", job.place
        web = f"{self.web}/{job.run.repo}/actions/runs/{job.run.id}"
        return {
            "id": job.id,
            "run_id": job.run.id,
            "workflow_name": job.run.plan.workflow,
            "head_branch": job.run.plan.branch,
            "run_url": f"{repo}/actions/runs/{job.run.id}",
            "run_attempt": job.attempt,
            "node_id": node_id("CR", job.id),
            "head_sha": sha(job.run),
            "url": f"{repo}/actions/jobs/{job.id}",
            "html_url": f"{web}/job/{job.id}",
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": utc(job.created_at),
            "started_at": utc(job.started_at or job.created_at),
            "completed_at": utc(job.completed_at),
            "name": job.plan.name,
            "steps": steps(job),
            "check_run_url": f"{repo}/check-runs/{job.id}",
            "labels": list(job.labels),
            "runner_id": place and place.runner_id,
            "runner_name": place and place.runner_name,
            "runner_group_id": place and place.group_id,
            "runner_group_name": place and place.group_name,
        }

    def run(self, run: Run) -> Json:
        """Write a workflow run."""
        url = f"{self.api}/repos/{run.repo}/actions/runs/{run.id}"
        addresses = {
            f"{name}_url": f"{url}/{name}" for name in ("jobs", "logs", "artifacts", "cancel")
        }
        return self._run_template | addresses | {
            "id": run.id,
            "name": run.plan.workflow,
            "node_id": node_id("WFR", run.id),
            "head_branch": run.plan.branch,
            "head_sha": sha(run),
            "run_number": run.number,
            "run_attempt": run.attempt,
            "status": run.status,
            "conclusion": run.conclusion,
            "url": url,
            "html_url": f"{self.web}/{run.repo}/actions/runs/{run.id}",
            "rerun_url": f"{url}/rerun",
            "previous_attempt_url": None,
            "created_at": utc(run.created_at),
            "run_started_at": utc(run.created_at),
            "updated_at": utc(run.created_at),
        }  # fmt: skip

    def runner(self, runner: Runner) -> Json:
        """Write a runner; `version` is null until it connected once."""
        connected = runner.online_at is not None
        return {
            "id": runner.id,
            "name": runner.name,
            "os": "linux" if connected else "unknown",
            "status": "online" if runner.online else "offline",
            "busy": runner.busy,
            "ephemeral": True,
            "version": "2.336.0" if connected else None,
            "runner_group_id": runner.group_id,
            "labels": [
                {"id": number(label), "name": label, "type": "custom"} for label in runner.labels
            ],
        }

    def installation(self, owner: str, installation_id: int, *, org: bool) -> Json:
        """Write an installation of our app."""
        kind = "Organization" if org else "User"
        template = self._installation_template
        account = template["account"] | {
            "login": owner,
            "id": number(owner),
            "type": kind,
            "starred_url": f"{self.api}/users/{owner}/starred{{/owner}}{{/repo}}",
        }
        return template | {
            "id": installation_id,
            "account": account,
            "app_id": self.app_id,
            "app_slug": "runs-fleet",
            "target_id": number(owner),
            "target_type": kind,
            "access_tokens_url": f"{self.api}/app/installations/{installation_id}/access_tokens",
            "permissions": {"actions": "write", "metadata": "read"},
            "events": ["workflow_job"],
        }

    def repository(self, repo: str, *, org: bool) -> Json:
        """Write a repository as payloads carry it."""
        key = (repo, org)
        if key not in self._repos:
            self._repos[key] = self._envelope(repo, org=org)
        found: Json = self._repos[key]["repository"]
        return found

    def _envelope(self, repo: str, *, org: bool) -> Json:
        owner = repo.partition("/")[0]
        text = self._template.replace(TEMPLATE_REPO, repo).replace("lineville", owner)
        parts = self._localized(text.replace("elastic-machines-testing", repo.partition("/")[2]))
        repository = parts["repository"]
        repository["id"] = number(repo)
        repository["owner"] |= {"id": number(owner), "type": "Organization" if org else "User"}
        envelope = {
            "deployment": parts["deployment"],
            "repository": repository,
            "sender": parts["sender"] | {"login": "octocat", "id": 583231},
        }
        return envelope | ({"organization": self._organization(owner)} if org else {})

    def _organization(self, owner: str) -> Json:
        url = f"{self.api}/orgs/{owner}"
        paths = ("repos", "events", "hooks", "issues")
        addresses: Json = {f"{path}_url": f"{url}/{path}" for path in paths}
        return addresses | {
            "login": owner,
            "id": number(owner),
            "node_id": node_id("O", number(owner)),
            "url": url,
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number(owner)}?v=4",
            "description": "",
        }

    def _localized(self, text: str) -> Json:
        text = text.replace("https://api.github.com", self.api)
        body: Json = json.loads(text.replace("https://github.com", self.web))
        return body


def sha(run: Run) -> str:
    """Make up the commit of a run."""
    return hashlib.sha1(str(run.id).encode(), usedforsecurity=False).hexdigest()


def steps(job: Job) -> list[Json]:
    """Write the steps: none before the job runs, and none of a job that never did."""
    if not job.taken_by:
        return []
    return [
        {
            "name": name,
            "status": "completed" if job.completed_at else "in_progress",
            "conclusion": job.conclusion,
            "number": position,
            "started_at": utc(job.started_at),
            "completed_at": utc(job.completed_at),
        }
        for position, name in enumerate(("Set up job", "Run make"), start=1)
    ]
