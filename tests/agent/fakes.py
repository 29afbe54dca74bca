"""A host, a queue and a metadata service in memory, with levers."""

import contextlib
import http.server
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runs_fleet.errors import Unavailable
from runs_fleet.models import RunnerReport
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig
from runs_fleet.reports import key, opened

SECRET = "fleet-secret"
RUNNER = "runs-fleet-7-1"
JIT = "eyJqaXQiOiAic2VjcmV0In0="
PATIENCE = 90.0
MEMBER = "runs-fleet-pool-default-sabc123-4"
WAKE = "queue://wake"


def standby_config(*, idle_limit: float = 60.0) -> StandbyConfig:
    return StandbyConfig(
        member=MEMBER,
        report_key=key(SECRET, MEMBER),
        reports="queue://reports",
        wake=WAKE,
        idle_limit=idle_limit,
    )


def runner_config(*, idle_limit: float = 60.0, max_runtime: float = 60.0) -> RunnerConfig:
    return RunnerConfig(
        runner=RUNNER,
        jit_config=JIT,
        report_key=key(SECRET, RUNNER),
        reports="queue://reports",
        idle_limit=idle_limit,
        max_runtime=max_runtime,
    )


class MemoryHost:
    """A machine; every list of errors is raised one by one before the real answer."""

    def __init__(self) -> None:
        self.given: RunnerConfig | StandbyConfig | None = None
        self.notice_detail: str | None = None
        self.config_errors: list[Exception] = []
        self.remove_errors: list[Exception] = []
        self.end_errors: list[Exception] = []
        self.call_errors: list[Exception] = []
        self.polls = 0
        self.looks = 0
        self._calls: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._looks = threading.Semaphore(0)
        self.removed = 0
        self.ended = 0

    def machine_id(self) -> str:
        return "i-0123"

    def call(self, *, heard: bool = True) -> None:
        """Call the machine, or have one of its polls come to nothing."""
        self._calls.put(heard)

    def called(self, address: str) -> bool:
        assert address == WAKE
        self.polls += 1
        _raise_next(self.call_errors)
        with contextlib.suppress(queue.Empty):
            return self._calls.get(timeout=PATIENCE)
        return False

    def config(self) -> RunnerConfig | StandbyConfig | None:
        self.looks += 1
        self._looks.release()
        _raise_next(self.config_errors)
        return self.given

    def wait_for_looks(self, number: int) -> None:
        """Return when the agent has looked for its config this often."""
        assert all(self._looks.acquire(timeout=PATIENCE) for _ in range(number))

    def remove_config(self) -> None:
        _raise_next(self.remove_errors)
        self.removed += 1

    def notice(self) -> str | None:
        return self.notice_detail

    def end(self) -> None:
        _raise_next(self.end_errors)
        self.ended += 1


class MemoryOutbox:
    """A queue that can be away, and tells who asks which reports it got."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.keys: list[str] = []
        self.groups: set[str] = set()
        self.refused = 0
        self.away = False
        self._changed = threading.Condition()

    def at(self, address: str) -> "MemoryOutbox":
        assert address == "queue://reports"
        return self

    def send(self, body: str, *, group: str, key: str) -> None:
        with self._changed:
            self._changed.notify_all()
            if self.away:
                self.refused += 1
                raise Unavailable("the queue is away")
            self.bodies.append(body)
            self.keys.append(key)
            self.groups.add(group)

    def reports(self) -> list[RunnerReport]:
        return [opened(body, secret=SECRET) for body in self.bodies]

    def story(self) -> list[str]:
        return [f"{report.kind} {report.outcome}".strip() for report in self.reports()]

    def wait_for(self, kind: str) -> RunnerReport:
        """Return the first report of this kind as soon as there is one."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._of(kind), PATIENCE), self.story()
            return self._of(kind)[0]

    def wait_for_story(self, story: list[str]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.story() == story, PATIENCE), self.story()

    def wait_for_refusals(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.refused >= number, PATIENCE)

    def _of(self, kind: str) -> list[RunnerReport]:
        return [report for report in self.reports() if report.kind == kind]


class MetadataService:
    """IMDSv2 on a loopback port; `answers` maps paths below /latest/ to texts."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.answers = {"meta-data/instance-id": "i-0123", "meta-data/placement/region": "eu-1"}
        self.token = "token-1"
        self.tokens_given = 0
        self.status = 200

    def expire_token(self) -> None:
        self.token = f"{self.token}+"

    def answer(self, method: str, path: str, token: str | None) -> tuple[int, str]:
        if self.status != http.HTTPStatus.OK:
            return self.status, ""
        if (method, path) == ("PUT", "api/token"):
            self.tokens_given += 1
            return 200, self.token
        if token != self.token:
            return 401, ""
        return (200, self.answers[path]) if path in self.answers else (404, "")


@contextmanager
def metadata_service(prefix: str = "") -> Iterator[MetadataService]:
    """Serve a machine's metadata under `prefix` while the block runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix(f"{prefix}/latest/")
            token = self.headers.get("X-aws-ec2-metadata-token")
            status, text = service.answer(self.command, path, token)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = MetadataService(f"http://127.0.0.1:{server.server_port}{prefix}")
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield service
        finally:
            server.shutdown()
            serving.join()


def _raise_next(errors: list[Exception]) -> None:
    if errors:
        raise errors.pop(0)
