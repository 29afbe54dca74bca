"""Deletes a runner's registration, by its id or by its name."""

from runs_fleet.models import Scope
from runs_fleet.ports import GitHub


def unregister(github: GitHub, scope: Scope, *, runner: str, runner_id: int | None) -> None:
    """Delete it; without an id, whatever bears the name. Raises RunnerBusy."""
    if runner_id is None:
        found = github.find_runner(scope, runner)
        runner_id = found.runner_id if found else None
    if runner_id is not None:
        github.delete_runner(scope, runner_id)
