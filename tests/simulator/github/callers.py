"""Who talks to the fake GitHub in tests: an app, an agent's listener, a webhook receiver."""

import hashlib
import hmac
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from simulator.github import GitHubWorld
from simulator.github.entities import Job, Runner, Session
from simulator.github.hub import Hub
from simulator.github.plans import JobPlan, RunPlan
from simulator.github.sessions import Sessions
from simulator.github.timers import Timers

LABELS = ("runs-fleet", "linux")
# Loading the usual trust store takes longer than a test.
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Desk:
    """The state machine without HTTP, a clock that tests turn, and what it said."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.events: list[tuple[int, str, str]] = []
        self.timers = Timers(lambda: self.now)
        self.hub = Hub(self.timers, emit=self._heard, ring=lambda session: None, seed=3)
        self.sessions = Sessions(self.hub)

    def _heard(self, job: Job, action: str) -> None:
        self.events.append((job.id, action, job.status))

    def configure(self, **seconds: float) -> None:
        self.hub.settings = self.hub.settings.model_copy(update=seconds)

    def job(self, **facts: Any) -> Job:
        return self.jobs(JobPlan(**{"labels": LABELS, **facts}))[0]

    def jobs(self, *plans: JobPlan, repo: str = "acme/app") -> list[Job]:
        return self.hub.create_run(RunPlan(repo=repo, jobs=plans)).jobs

    def runner(
        self, name: str = "r-1", *, scope: str = "acme", labels: tuple[str, ...] = LABELS,
        group_id: int = 1,
    ) -> Runner:  # fmt: skip
        return self.hub.registry.register(
            name, scope, labels=labels, group_id=group_id, work_folder="_work"
        )

    def listening(self, runner: Runner) -> Session:
        session = self.sessions.create(runner.client_id, runner.id)
        self.sessions.poll(session)
        return session

    def running(self, job: Job, name: str = "r-1") -> Session:
        """Bring a job onto a runner of its own."""
        session = self.listening(self.runner(name))
        self.hub.acquire(session, job.id)
        return session

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.timers.run()

    def actions(self, job: Job) -> list[str]:
        return [action for job_id, action, _ in self.events if job_id == job.id]


class AppClient:
    """Our app at the fake GitHub, by its documented API."""

    def __init__(self, world: GitHubWorld, owner: str) -> None:
        self.world, self.owner = world, owner
        self._key: Any = load_pem_private_key(
            world.key_file.read_bytes(), None, unsafe_skip_rsa_key_validation=True
        )
        self.http = httpx.Client(base_url=world.api_url, verify=NO_TRUST)
        self._token: str | None = None

    def jwt(self, **claims: Any) -> str:
        now = int(time.time())
        facts = {"iat": now - 60, "exp": now + 540, "iss": str(self.world.app_id), **claims}
        return jwt.encode(facts, self._key, algorithm="RS256")

    def as_app(self, method: str, path: str, **extra: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.jwt()}"}
        return self.http.request(method, path, headers=headers, **extra)

    def mint(self, **body: Any) -> httpx.Response:
        found = self.as_app("GET", f"/orgs/{self.owner}/installation").json()
        return self.as_app("POST", f"/app/installations/{found['id']}/access_tokens", json=body)

    def call(self, method: str, path: str, **extra: Any) -> httpx.Response:
        self._token = self._token or self.mint().json()["token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self.http.request(method, path, headers=headers, **extra)

    def register(self, name: str, **facts: Any) -> httpx.Response:
        body: dict[str, Any] = {"name": name, "runner_group_id": 1, "labels": list(LABELS), **facts}
        url = f"/orgs/{self.owner}/actions/runners/generate-jitconfig"
        return self.call("POST", url, json=body)

    def forget_token(self) -> None:
        self._token = None


class Hook(BaseHTTPRequestHandler):
    """Hands what arrives to the receiver."""

    protocol_version = "HTTP/1.1"
    server: "HookServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.server.hold.wait(10)
        self.send_response(self.server.answers)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class HookServer(ThreadingHTTPServer):
    """A webhook receiver: `answers` is its status, `hold` stops it from answering."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers = 200
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhook"


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def eventually(holds: Callable[[], bool], *, patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
