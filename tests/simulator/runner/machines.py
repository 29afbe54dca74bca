"""A directory with a runner in it, and the processes that come of it."""

import os
import re
import signal
import subprocess
from pathlib import Path

from simulator.github import JobPlan, RunPlan
from simulator.github.books import JobRecord, RunnerRecord
from simulator.runner.installation import install
from tests.simulator.github.callers import LABELS, AppClient, eventually

QUICK = {
    "RUNNER_ALLOW_RUNASROOT": "1",
    "STANDIN_RETRY_SECONDS": "0.05",
    "STANDIN_CONFLICT_SECONDS": "0.1",
    "STANDIN_RESTART_SECONDS": "0.01",
}
STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: ", re.MULTILINE)


class Machine:
    """One runner, registered under its `name`, and the console of its `run.sh`."""

    def __init__(self, directory: Path, app: AppClient) -> None:
        self.directory, self.app = directory, app
        self.script = install(directory)
        self.name = f"{app.owner}-1"
        self.jit = app.register(self.name).json()["encoded_jit_config"]
        self.environ = {"PATH": os.environ["PATH"], **QUICK}
        self.environ["RUNNER_MANUALLY_TRAP_SIG"] = "1"
        self._console = directory / "console"
        self._errors = directory / "errors"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start `run.sh` as an agent does: in its own session, config in the environment."""
        with self._console.open("ab") as out, self._errors.open("ab") as errors:
            process = subprocess.Popen(
                [str(self.script), *arguments], cwd=self.directory, stdout=out, stderr=errors,
                env={"ACTIONS_RUNNER_INPUT_JITCONFIG": self.jit, **self.environ, **environ},
                start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, *arguments: str, **environ: str) -> int:
        """Start `run.sh` and wait for its end."""
        return self.start(*arguments, **environ).wait(20)

    def listening(self, **environ: str) -> subprocess.Popen[bytes]:
        """Start `run.sh` and wait until GitHub sees it."""
        process = self.start(**environ)
        eventually(lambda: "Listening for Jobs" in self.console)
        eventually(lambda: self.runner.online)
        return process

    def working(self, **environ: str) -> subprocess.Popen[bytes]:
        """Start `run.sh` and wait until it has the job."""
        process = self.start(**environ)
        eventually(lambda: "Running job" in self.console)
        return process

    def job(self, *, seconds: float = 0.1, name: str = "build (arm64)", **facts: object) -> int:
        """Queue a job that this runner may have."""
        plan = JobPlan.model_validate({"name": name, "labels": LABELS, "seconds": seconds, **facts})
        run = self.app.world.create_run(RunPlan(repo=f"{self.app.owner}/app", jobs=(plan,)))
        return run.jobs[0]

    def record(self, job_id: int) -> JobRecord:
        """Look the job up in GitHub's books."""
        return self.app.world.books(deliveries=False).job(job_id)

    @property
    def runner(self) -> RunnerRecord:
        """Look the runner up in GitHub's books."""
        runners = self.app.world.books(deliveries=False).runners
        return next(runner for runner in runners if runner.scope == self.app.owner)

    @property
    def console(self) -> str:
        """What was printed, without the times."""
        return STAMP.sub("<time>: ", self._console.read_text())

    @property
    def errors(self) -> str:
        """What was printed on stderr, without the times."""
        return STAMP.sub("<time>: ", self._errors.read_text())

    def hook(self, moment: str, body: str) -> dict[str, str]:
        """Write a hook script and return the variable that names it."""
        path = self.directory / f"{moment}.sh"
        path.write_text(body)
        return {f"ACTIONS_RUNNER_HOOK_JOB_{moment.upper()}": str(path)}

    def members(self, process: subprocess.Popen[bytes]) -> list[int]:
        """List the living processes of the session that a `run.sh` leads."""
        listing = subprocess.run(
            ["ps", "-s", str(process.pid), "-o", "pid=,stat="], capture_output=True, text=True,
            check=False,
        ).stdout.splitlines()  # fmt: skip
        fields = (line.split() for line in listing)
        return [int(pid) for pid, state in fields if not state.startswith("Z")]

    def burn(self) -> None:
        """Leave no process."""
        for process in self._started:
            for pid in self.members(process):
                _kill(pid)
            process.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
