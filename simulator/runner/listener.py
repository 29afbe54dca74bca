"""The listener of the stand-in runner: one job at the most, then it removes its configuration.

Only what starts fast is imported: hundreds of these run on one machine.
"""

import base64
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

VERSION = "2.336.0"
OK, TERMINATED, CONFLICT = 0, 1, 5
CREDENTIALS, SETTINGS = ".credentials", ".runner"
FILES = (SETTINGS, CREDENTIALS, ".credentials_rsaparams")
DELETED = (
    "Failed to create a session. The runner registration has been deleted from the server, please "
    "re-configure. Runner registrations are automatically deleted for runners that have not "
    "connected to the service recently."
)
NO_LONGER = "The runner no longer exists on the server. Cleaning up local configuration."
RESULT_CODES = {
    "Succeeded": 100, "SucceededWithIssues": 101, "Failed": 102, "Canceled": 103, "Skipped": 104,
    "Abandoned": 105,
}  # fmt: skip
HTTP_OK, HTTP_BAD, HTTP_GONE, HTTP_CONFLICT = 200, 400, 404, 409
FOREVER = 3600.0

Json = dict[str, object]


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


class Line:
    """One connection to the broker, with one request open on it at the most."""

    def __init__(self, url: str) -> None:
        host, _, self._base = url.partition("//")[2].partition("/")
        name, _, port = host.partition(":")
        self._address = (name, int(port or 80))
        self._host = host
        self._socket: socket.socket | None = None
        self._got = b""
        self._owed = False

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Ask and wait for the answer. Raises OSError."""
        self.send(method, path, body)
        answer = self.answer(FOREVER)
        assert answer is not None
        return answer

    def send(self, method: str, path: str, body: Json | None = None) -> None:
        """Ask, and leave the answer for later."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /{self._base}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"User-Agent: GitHubActionsRunner/{VERSION}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        if self._owed:
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=10)
        self._got, self._owed = b"", True
        self._socket.sendall(head.encode() + content)

    def answer(self, patience: float) -> tuple[int, Json] | None:
        """Read the answer, or None if it does not come in time. Raises OSError."""
        deadline = time.monotonic() + patience
        while (whole := self._whole()) is None:
            rest = deadline - time.monotonic()
            if rest <= 0 or self._socket is None:
                return None
            self._socket.settimeout(rest)
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                return None
            if not piece:
                self.close()
                raise ConnectionResetError("The connection was closed")
            self._got += piece
        self._owed = False
        return whole

    def close(self) -> None:
        """Hang up; the next question dials again."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._owed = None, False

    def _whole(self) -> tuple[int, Json] | None:
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *fields = head.decode("latin-1").split("\r\n")
        lengths = [f.partition(":")[2] for f in fields if f.lower().startswith("content-length:")]
        length = int(lengths[0]) if lengths else 0
        if len(body) < length:
            return None
        return int(first.split()[1]), json.loads(body) if body else {}


class Listener:
    """One registration's listener, from its JIT config to its end."""

    def __init__(self, settings: dict[str, str], credentials: dict[str, dict[str, str]]) -> None:
        self._settings = settings
        self._client = credentials["data"]["clientId"]
        self._polls = Line(settings["ServerUrlV2"])
        self._calls = Line(settings["ServerUrlV2"])
        self._session = ""
        self._job: Json | None = None
        self._quiet_since: float | None = None

    def run(self) -> int:
        """Listen until a job was done, the registration is gone, or a signal comes."""
        say("\n√ Connected to GitHub\n")
        say(f"Current runner version: '{VERSION}'")
        try:
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
        child = os.posix_spawn("/bin/bash", ["bash", "-e", path], env)
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


def configured(encoded: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Unpack a JIT config into the files that the real runner keeps. Raises ValueError."""
    files = json.loads(base64.b64decode(encoded, validate=True))
    for name in FILES:
        with open(name, "wb") as file:
            file.write(base64.b64decode(files[name], validate=True))
    os.makedirs("_work", exist_ok=True)
    os.makedirs("_diag", exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S-utc", time.gmtime())
    with open(os.path.join("_diag", f"Runner_{stamp}.log"), "a", encoding="utf-8") as log:
        log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime())} INFO Listener] start\n")
    settings, credentials = (json.loads(base64.b64decode(files[name])) for name in FILES[:2])
    return settings, credentials


def jit_config() -> str:
    """Take the config from the environment, where the job must not find it, or from argv."""
    given = os.environ.pop("ACTIONS_RUNNER_INPUT_JITCONFIG", "")
    if "--jitconfig" in sys.argv:
        given = sys.argv[sys.argv.index("--jitconfig") + 1]
    return given


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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    try:
        settings, credentials = configured(jit_config())
    except (ValueError, KeyError, TypeError) as error:
        say(f"An error occurred: {error}", error=True)
        return TERMINATED
    return Listener(settings, credentials).run()


if __name__ == "__main__":
    sys.exit(main())
