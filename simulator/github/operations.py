"""The table of REST operations that the fake answers, each with its permission."""

from simulator.github import app_api, job_api, joining, notice_api, runner_api
from simulator.github.pipeline import Operation

READ_JOBS, WRITE_JOBS = ("actions", "read"), ("actions", "write")
ORG_RUNNERS = ("organization_self_hosted_runners", "write")
REPO_RUNNERS = ("administration", "write")
STATUSES = ("statuses", "write")
JIT = "actions_runner_registration"
ORG, REPO = "/orgs/{org}", "/repos/{owner}/{repo}"
RUNNERS = "/actions/runners"
RUNNER = f"{RUNNERS}/{{runner_id}}"
RUNS = f"{REPO}/actions/runs"
RUN = f"{RUNS}/{{run_id}}"
JOB = f"{REPO}/actions/jobs/{{job_id}}"
COMMIT = f"{REPO}/commits/{{ref}}"
HOOKS = "/app/hook/deliveries"
ORG_HOOKS = f"{ORG}/hooks/{{hook_id}}/deliveries"
READ_HOOKS, WRITE_HOOKS = ("organization_hooks", "read"), ("organization_hooks", "write")

APP = [
    Operation("GET", "/app", app_api.app, auth="app"),
    Operation("GET", "/app/installations", app_api.installations, auth="app"),
    Operation(
        "POST", "/app/installations/{installation_id}/access_tokens", app_api.token, auth="app"
    ),
    Operation("GET", f"{ORG}/installation", app_api.installation, auth="app"),
    Operation("GET", f"{REPO}/installation", app_api.installation, auth="app"),
    Operation("GET", "/users/{username}/installation", app_api.installation, auth="app"),
    Operation("GET", "/app/hook/config", app_api.hook_config, auth="app"),
    Operation("GET", HOOKS, app_api.deliveries, auth="app"),
    Operation("GET", f"{HOOKS}/{{delivery_id}}", app_api.delivery, auth="app"),
    Operation("POST", f"{HOOKS}/{{delivery_id}}/attempts", app_api.redeliver, auth="app"),
    Operation("GET", ORG_HOOKS, app_api.deliveries, permission=READ_HOOKS),
    Operation(
        "POST",
        f"{ORG_HOOKS}/{{delivery_id}}/attempts",
        app_api.redeliver,
        permission=WRITE_HOOKS,
    ),
    Operation("GET", "/rate_limit", app_api.rate_limit, auth="any"),
]
JOBS = [
    Operation("GET", RUNS, job_api.runs, permission=READ_JOBS),
    Operation("GET", RUN, job_api.run, permission=READ_JOBS),
    Operation("GET", f"{RUN}/jobs", job_api.jobs, permission=READ_JOBS),
    Operation("GET", f"{RUN}/attempts/{{attempt_number}}/jobs", job_api.jobs, permission=READ_JOBS),
    Operation("GET", JOB, job_api.job, permission=READ_JOBS),
    Operation("POST", f"{JOB}/rerun", job_api.rerun_job, permission=WRITE_JOBS),
    Operation("POST", f"{RUN}/rerun", job_api.rerun_run, permission=WRITE_JOBS),
    Operation("POST", f"{RUN}/rerun-failed-jobs", job_api.rerun_failed, permission=WRITE_JOBS),
    Operation("POST", f"{RUN}/cancel", job_api.cancel, permission=WRITE_JOBS),
    Operation("POST", f"{RUN}/force-cancel", job_api.cancel, permission=WRITE_JOBS),
    Operation("GET", f"{COMMIT}/check-runs", notice_api.check_runs, permission=("checks", "read")),
    Operation("POST", f"{REPO}/check-runs", notice_api.check_run, permission=("checks", "write")),
    Operation("POST", f"{REPO}/statuses/{{sha}}", notice_api.status, permission=STATUSES),
]


def runners(prefix: str, permission: tuple[str, str]) -> list[Operation]:
    """List the operations on runners of one scope."""
    jit = f"{prefix}{RUNNERS}/generate-jitconfig"
    return [
        Operation("POST", jit, runner_api.generate, resource=JIT, permission=permission),
        Operation(
            "POST", f"{prefix}{RUNNERS}/registration-token", joining.token, permission=permission
        ),
        Operation("GET", f"{prefix}{RUNNERS}", runner_api.listing, permission=permission),
        Operation("GET", f"{prefix}{RUNNER}", runner_api.one, permission=permission),
        Operation("DELETE", f"{prefix}{RUNNER}", runner_api.delete, permission=permission),
    ]


GROUPS = Operation("GET", f"{ORG}/actions/runner-groups", runner_api.groups, permission=ORG_RUNNERS)
OPERATIONS = [*APP, *JOBS, *runners(ORG, ORG_RUNNERS), *runners(REPO, REPO_RUNNERS), GROUPS]
