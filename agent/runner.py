"""run.sh in a session of its own, started with nothing of ours in its environment."""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from agent import processes, transcript
from agent.watch import Event, Exited
from runs_fleet.ports import RunnerConfig
from runs_fleet.registering import TokenRegistration

LINE_LIMIT = 65_536
FLAGS = ("--unattended", "--ephemeral", "--no-default-labels", "--disableupdate")
# It makes a handful of calls to GitHub.
CONFIG_LIMIT = 120.0
MOST_QUOTED = 300
OURS = ("AWS_", "RUNS_FLEET_", "TEMPORAL_", "PYTHON", "VIRTUAL_ENV", "ACTIONS_RUNNER_INPUT_")

log = logging.getLogger(__name__)


class NotConfigured(OSError):
    """config.sh has not registered the runner."""


def prepared(directory: Path, environ: Mapping[str, str], config: RunnerConfig) -> dict[str, str]:
    """Make the runner's environment, and register it first if it has no JIT config.

    Raises NotConfigured. The token goes with config.sh: nothing of it is left where a job runs.
    """
    if config.registration is None:
        return environment(environ, config.jit_config)
    _configure(directory, _kept(environ), config.runner, config.registration)
    return environment(environ, "")


def _configure(
    directory: Path, environ: Mapping[str, str], name: str, registration: TokenRegistration
) -> None:
    # https://docs.github.com/en/actions/hosting-your-own-runners/managing-self-hosted-runners/autoscaling-with-self-hosted-runners#using-ephemeral-runners-for-autoscaling
    given = {
        "--url": registration.url,
        "--name": name,
        "--labels": ",".join(registration.labels),
        "--runnergroup": registration.group,
        "--work": "_work",
    }
    try:
        done = subprocess.run(
            [directory / "config.sh", *FLAGS, *(part for pair in given.items() for part in pair)],
            cwd=directory,
            env={**environ, "ACTIONS_RUNNER_INPUT_TOKEN": registration.token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=CONFIG_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotConfigured(f"config.sh did not end within {CONFIG_LIMIT:g} s") from None
    said = done.stdout.replace(registration.token, "***").strip().splitlines()
    for line in said:
        log.info("runner output", extra={"line": line})
    if done.returncode != 0:
        last = said[-1] if said else ""
        raise NotConfigured(f"config.sh ended with {done.returncode}: {last[:MOST_QUOTED]}")


def _kept(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if not key.startswith(OURS)}
    return kept | ({"RUNNER_ALLOW_RUNASROOT": "1"} if os.geteuid() == 0 else {})


def environment(environ: Mapping[str, str], jit_config: str) -> dict[str, str]:
    """Make the runner's environment: the machine's, without ours, with the JIT config if any.

    The runner takes `ACTIONS_RUNNER_INPUT_*` out of the environment before it starts a job; an
    argument would stay readable in /proc.
    """
    return (
        _kept(environ)
        | ({"ACTIONS_RUNNER_INPUT_JITCONFIG": jit_config} if jit_config else {})
        | {
            "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
            # Without it SIGTERM ends the script at once and leaves the listener behind.
            "RUNNER_MANUALLY_TRAP_SIG": "1",
        }
    )


class Runner:
    """A started run.sh; tells what it says, and at last that it has exited.

    The exit is told when the process is over, even if something it started still holds the
    other end of the pipe: then what is printed after `drain` seconds is lost.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        *,
        tell: Callable[[Event], None],
        drain: float,
    ) -> None:
        self._secret = environ.get("ACTIONS_RUNNER_INPUT_JITCONFIG", "")
        self._tell = tell
        self._drain = drain
        self._unreaped = threading.Lock()
        self._process = subprocess.Popen(
            [directory / "run.sh"],
            cwd=directory,
            env=environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        threading.Thread(target=self._wait, name="runner", daemon=True).start()

    def stop(self) -> None:
        """Ask run.sh to end; it passes the wish on. Already ended is a success."""
        with self._unreaped:
            if self._process.returncode is None:
                processes.send(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End run.sh and all that it started. Already ended is a success."""
        with self._unreaped:
            if self._process.returncode is None:
                processes.end_session(self._process.pid)

    def _wait(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        reader = threading.Thread(target=self._read, args=(pipe,), name="output", daemon=True)
        reader.start()
        # Until it is reaped, the dead leader keeps its number from being given to another.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._unreaped:
            processes.end_session(self._process.pid)
            code = self._process.wait()
        reader.join(self._drain)
        self._tell(Exited(code))

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for text in iter(lambda: pipe.readline(LINE_LIMIT), ""):
                line = text.rstrip("\r\n")
                shown = line.replace(self._secret, "***") if self._secret else line
                log.info("runner output", extra={"line": shown})
                if said := transcript.parse(line):
                    self._tell(said)
