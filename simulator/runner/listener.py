"""The listener of the stand-in runner: one job at the most, then it removes its configuration.

Only what starts fast is imported: hundreds of these run on one machine.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable

from simulator.runner.config import CREDENTIALS, SETTINGS, configured, jit_config, saved
from simulator.runner.line import FOREVER, VERSION, Json, Line

OK, TERMINATED, CONFLICT = 0, 1, 5
DELETED = (
    "Failed to create a session. The runner registration has been deleted from the server, please "
    "re-configure. Runner registrations are automatically deleted for runners that have not "
    "connected to the service recently."
)
NO_LONGER = "The runner no longer exists on the server. Cleaning up local configuration."
NOT_CONFIGURED = "Not configured. Run config.(sh/cmd) to configure the runner."
RESULT_CODES = {
    "Succeeded": 100, "SucceededWithIssues": 101, "Failed": 102, "Canceled": 103, "Skipped": 104,
    "Abandoned": 105,
}  # fmt: skip
HTTP_OK, HTTP_BAD, HTTP_GONE, HTTP_CONFLICT = 200, 400, 404, 409


class Stop(Exception):
    """SIGINT or SIGTERM arrived."""


class Deleted(Exception):
    """The registration is gone."""


class Conflict(Exception):
    """Somebody else holds the session."""


def interval(name: str, default: float) -> float:
    """Read one of our intervals; the defaults are the real runner's."""
    return float(os.environ.get(f"STANDIN_{name}", default))


def say(text: str, *, stamped: bool = False, error: bool = False) -> None:
    """Print one line at once; .NET's "u" format is UTC."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%SZ: ", time.gmtime()) if stamped else ""
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{stamp}{text}\n")
    stream.flush()


class Listener:
    """One registration's listener, from its JIT config to its end."""

    def __init__(self, settings: dict[str, str], credentials: dict[str, dict[str, str]]) -> None:
        self._settings = settings
        self._client = credentials["data"]["clientId"]
        broker = os.environ.get("STANDIN_BROKER") or settings["ServerUrlV2"]
        self._polls, self._calls = Line(broker), Line(broker)
        self._session = ""
        self._job: Json | None = None
        self._quiet_since: float | None = None

    def run(self) -> int:
        """Listen until a job was done, the registration is gone, or a signal comes."""
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, stop)
            say("\n√ Connected to GitHub\n")
            say(f"Current runner version: '{VERSION}'")
            self._connect()
            say("Listening for Jobs", stamped=True)
            return self._listen()
        except Deleted:
            say(DELETED, error=True)
            return TERMINATED
        except Conflict:
            say("Failed to create session. Error: Conflict", error=True)
            return CONFLICT
        except Stop:
            return self._stopped()

    def _connect(self) -> None:
        began, every = time.monotonic(), interval("RETRY_SECONDS", 30)
        while True:
            status = self._patiently(self._open)
            if status == HTTP_OK:
                return
            if status != HTTP_CONFLICT:
                raise Deleted
            say("A session for this runner already exists.", error=True)
            self._troubled("Error: Conflict")
            limit = interval("CONFLICT_SECONDS", 240)
            if time.monotonic() - began >= limit:
                text = (
                    f"Stop retry on SessionConflictException after retried for {limit:g} seconds."
                )
                say(text, error=True)
                raise Conflict
            time.sleep(every)

    def _open(self) -> int:
        facts: Json = {"client_id": self._client, "agent_id": self._settings["AgentId"]}
        status, body = self._calls.ask("POST", "session", facts)
        self._session = str(body.get("session", ""))
        return status

    def _patiently(self, ask: Callable[[], int]) -> int:
        """Try for ever, as the real one does when the network is down."""
        while True:
            try:
                status = ask()
            except OSError as error:
                self._calls.close()
                self._troubled(str(error))
                time.sleep(interval("RETRY_SECONDS", 30))
            else:
                if self._quiet_since is not None and status != HTTP_CONFLICT:
                    say("Runner reconnected.", stamped=True)
                    self._quiet_since = None
                return status

    def _troubled(self, message: str) -> None:
        if self._quiet_since is None:
            text = f"Runner connect error: {message}. Retrying until reconnected."
            say(text, stamped=True, error=True)
            self._quiet_since = time.monotonic()

    def _listen(self) -> int:
        while True:
            message = self._message(FOREVER)
            kind = message.get("type") if message else "none"
            if kind == "deleted":
                say(NO_LONGER, error=True)
                self._remove_config()
                return OK
            if message and kind == "job" and self._acquire(message):
                return self._work()

    def _message(self, patience: float) -> Json | None:
        """Wait for a message; None when none came in time."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._polls.send("GET", f"message/{self._session}")
                answer = self._polls.answer(deadline - time.monotonic())
            except OSError as error:
                self._polls.close()
                self._troubled(str(error))
                time.sleep(min(interval("RETRY_SECONDS", 30), max(deadline - time.monotonic(), 0)))
                answer = None if time.monotonic() >= deadline else (0, {})
            if answer is None:
                return None
            if self._quiet_since is not None and answer[0]:
                say("Runner reconnected.", stamped=True)
                self._quiet_since = None
            if answer[0] == HTTP_GONE:
                return {"type": "deleted"}
            if answer[0] == HTTP_OK:
                return answer[1]

    def _acquire(self, message: Json) -> bool:
        # The real runner goes on listening for ever after a 409 (actions/runner, PR 4618).
        status, job = self._calls.ask("POST", f"acquire/{self._session}/{message['job_id']}")
        self._job = job if status == HTTP_OK else None
        return self._job is not None

    def _work(self) -> int:
        assert self._job is not None
        say(f"Running job: {self._job['name']}", stamped=True)
        result = str(self._job["result"])
        if self._hook("STARTED") != 0:
            result = "Failed"
        elif self._cancelled(float(str(self._job["seconds"]))):
            result = "Canceled"
        if self._hook("COMPLETED") != 0 and result == "Succeeded":
            result = "Failed"
        self._patiently(lambda: self._complete(result))
        self._say_result(result)
        self._leave()
        self._remove_config()
        if os.environ.get("ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED") == "1":
            return RESULT_CODES[result]
        return OK

    def _cancelled(self, seconds: float) -> bool:
        """Do the job, which is to wait; the broker's messages are read meanwhile."""
        deadline = time.monotonic() + interval("JOB_SECONDS", seconds)
        while (rest := deadline - time.monotonic()) > 0:
            message = self._message(rest)
            if message and message.get("type") in ("cancel", "deleted"):
                return True
        return False

    def _hook(self, moment: str) -> int:
        path = os.environ.get(f"ACTIONS_RUNNER_HOOK_JOB_{moment}")
        if not path:
            return 0
        assert self._job is not None
        facts = self._job["env"]
        env = dict(os.environ) | (facts if isinstance(facts, dict) else {})
        env["GITHUB_EVENT_PATH"] = self._event_file()
        log = os.open(os.path.join("_diag", "hooks.log"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        # What a hook prints is a step's log, never the console's.
        actions = [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, 2)]
        child = os.posix_spawn("/bin/bash", ["bash", "-e", path], env, file_actions=actions)
        os.close(log)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _event_file(self) -> str:
        path = os.path.abspath(os.path.join("_work", "event.json"))
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"job": self._job and self._job["name"]}, file)
        return path

    def _complete(self, result: str) -> int:
        assert self._job is not None
        path = f"complete/{self._session}/{self._job['job_id']}"
        return self._calls.ask("POST", path, {"result": result})[0]

    def _say_result(self, result: str) -> None:
        assert self._job is not None
        say(f"Job {self._job['name']} completed with result: {result}", stamped=True)
        self._job = None

    def _stopped(self) -> int:
        """End at once: a job is cancelled, and its completed hook does not run."""
        say("Exiting...")
        try:
            if self._job is not None:
                self._complete("Canceled")
        except OSError:
            self._calls.close()
        if self._job is not None:
            self._say_result("Canceled")
        self._leave()
        return OK

    def _leave(self) -> None:
        if not self._session:
            return
        try:
            self._calls.ask("DELETE", f"session/{self._session}")
        except OSError:
            self._calls.close()

    def _remove_config(self) -> None:
        for name in (CREDENTIALS, SETTINGS):
            os.remove(name)
            say(f"√ Removed {name}")


def stop(*_: object) -> None:
    """Turn the first signal into the end; later ones are ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise Stop


def main() -> int:
    """Run once."""
    forced = os.environ.get("STANDIN_LISTENER_EXIT")
    if forced:
        return int(forced)
    try:
        given = jit_config()
        settings, credentials = configured(given) if given else saved()
    except FileNotFoundError:
        say(NOT_CONFIGURED, error=True)
        return TERMINATED
    except (ValueError, KeyError, TypeError) as error:
        say(f"An error occurred: {error}", error=True)
        return TERMINATED
    return Listener(settings, credentials).run()
