"""What goes wrong in every mode: our own processes, Temporal, GitHub, and people."""

from collections.abc import Callable

from simulator.chaos.scene import Scene
from simulator.chaos.schedule import SHARED, Act
from simulator.github.plans import Chaos, Fault, JobPlan, RunPlan
from simulator.github.world import GitHubWorld, LeverRefused

WEBHOOKS = {
    "drop": Chaos(drop=0.5),
    "double": Chaos(double=0.7),
    "reorder": Chaos(reorder=0.8),
    "delay": Chaos(delay=3),
    "all": Chaos(drop=0.2, double=0.3, reorder=0.5, delay=1),
}
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
GITHUB = {
    "502": Fault(times=6, status=502, body={"message": "Server Error"}),
    "503": Fault(times=6, status=503, body={"message": "No server is currently available"}),
    "reset": Fault(times=4, reset=True),
    "primary": Fault(
        times=2,
        status=403,
        headers={"x-ratelimit-remaining": "0", "retry-after": "3"},
        body={"message": "API rate limit exceeded for installation ID 1."},
    ),
    "secondary": Fault(
        times=2, status=403, headers={"retry-after": "3"}, body={"message": SECONDARY}
    ),
}
MINTS, RUNNERS = "*/generate-jitconfig", "*/actions/runners/*"
ANSWERS = {
    "mint": Fault(method="POST", path=MINTS, times=2, lose_answer=True),
    "delete": Fault(method="DELETE", path=RUNNERS, times=2, lose_answer=True),
}
THEFT_REPO = "acme/shared"


def loses_answer(github: GitHubWorld, what: str) -> bool:
    """Let GitHub's next answers of a kind get lost, if it gives any such."""
    if what not in ANSWERS:
        return False
    github.fault(ANSWERS[what])
    return True


class OurTrouble:
    """Everything but the cloud."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._world = scene, scene.world
        self.doers: dict[str, Callable[[Act], str]] = {
            "worker_killed": self._kill_worker,
            "api_killed": self._kill_api,
            "temporal_killed": self._kill_temporal,
            "webhooks": self._webhooks,
            "theft": self._theft,
            "github": self._github,
            "cancellation": self._cancellation,
        }

    def _kill_worker(self, act: Act) -> str:
        number = act.draw % len(self._world.workers)
        if self._world.workers[number].poll() is not None:
            return ""
        self._world.kill_worker(number)
        self._scene.restart(act.seconds, lambda: self._world.start_worker(number))
        return f"worker {number}"

    def _kill_api(self, act: Act) -> str:
        number = act.draw % len(self._world.apis)
        if self._world.apis[number].poll() is not None:
            return ""
        self._world.kill_api(number)
        self._scene.restart(act.seconds, lambda: self._world.start_api(number))
        return f"api {number}"

    def _kill_temporal(self, act: Act) -> str:
        temporal = self._world.temporal
        if temporal.process is None or temporal.process.poll() is not None:
            return ""
        temporal.kill()
        self._scene.restart(act.seconds, temporal.launch)
        return "temporal"

    def _webhooks(self, act: Act) -> str:
        self._world.github.chaos(WEBHOOKS[act.what])
        self._scene.after(act.seconds, lambda: self._world.github.chaos(Chaos()))
        return "webhooks"

    def _theft(self, act: Act) -> str:
        """Queue a job, and another one of the same label of which nobody hears, before it."""
        github, label = self._world.github, SHARED.replace("shared", f"theft-{act.draw}")
        victim = JobPlan(name="victim", labels=(label,), seconds=1)
        github.create_run(RunPlan(repo=THEFT_REPO, jobs=(victim,)))
        return str(github.steal((label,), repo=THEFT_REPO, seconds=1.5))

    def _github(self, act: Act) -> str:
        if act.what == "revoked":
            self._world.github.revoke_tokens()
        else:
            self._world.github.fault(GITHUB[act.what])
        return act.what

    def _cancellation(self, act: Act) -> str:
        open_jobs = self._scene.jobs("queued", "in_progress")
        if not open_jobs:
            return ""
        job = open_jobs[act.draw % len(open_jobs)]
        try:
            self._world.github.cancel_job(job.id)
        except LeverRefused:
            return ""
        return str(job.id)
