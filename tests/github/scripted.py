"""An HTTP server that says what a test tells it to, and remembers what it was asked."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REST = Path(__file__).with_name("rest")
JIT = "eyJzZWNyZXQiOiJvZiBvbmUgcnVubmVyIG9ubHkifQ=="


def example(name: str) -> Any:
    """Return an example body of GitHub's OpenAPI description."""
    return json.loads((REST / f"{name}.json").read_text())


@dataclass(frozen=True)
class Reply:
    """One answer; `raw` goes out as it is, `cut` closes the connection instead."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: bool = False

    def content(self) -> bytes:
        """Return the bytes of the body."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else json.dumps(self.body).encode()


def error(name: str) -> Reply:
    """Return one of GitHub's error answers, as quoted by those who met it."""
    known = example("_errors")[name]
    return Reply(known["status"], known["body"], known.get("headers", {}))


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any

    @property
    def bearer(self) -> str:
        """The secret that the request was made with."""
        return self.headers["authorization"].removeprefix("Bearer ")


class ScriptedGitHub:
    """A GitHub with levers.

    `say` queues answers for a route, of which the last is repeated; without any the answer is
    a 404. Installation tokens are handed out by themselves: `tokens_made` counts them. While
    `open` is clear, no request is answered.
    """

    def __init__(self, clock: "Clock") -> None:
        self.clock = clock
        self.seen: list[Seen] = []
        self.open = Event()
        self.open.set()
        self.waiting = Event()
        self.url = ""
        self.tokens: list[str] = []
        self._lock = Lock()
        self._replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)

    def say(self, route: str, *replies: Reply) -> None:
        """Answer `METHOD /path` with these, one after the other."""
        method, path = route.split(" ")
        with self._lock:
            self._replies[method, path] = list(replies)

    def asked(self, route: str) -> list[Seen]:
        """Return the requests made to `METHOD /path`."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path}" == route]

    def answer(self, seen: Seen) -> Reply:
        """Return the next answer."""
        with self._lock:
            self.seen.append(seen)
        self.waiting.set()
        self.open.wait(10)
        with self._lock:
            replies = self._replies.get((seen.method, seen.path))
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
            if seen.path.endswith("/access_tokens"):
                return self._token()
        return Reply(404, {"message": "Not Found"})

    def _token(self) -> Reply:
        token = f"ghs_4711_{'x' * 100}{len(self.tokens)}"
        self.tokens.append(token)
        expires = datetime.fromtimestamp(self.clock() + 3600, UTC)
        return Reply(
            201,
            {**example("installation-token"), "token": token, "expires_at": expires.isoformat()},
        )


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Handler(BaseHTTPRequestHandler):
    """Hands each request to a scripted GitHub."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    server: "Server"

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query))
        seen = Seen(self.command, url.path, query, headers, json.loads(body) if body else None)
        self._send(self.server.github.answer(seen))

    def _send(self, reply: Reply) -> None:
        if reply.cut:
            self.close_connection = True
            return
        content = reply.content()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _any

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


class Server(ThreadingHTTPServer):
    """Listens for a scripted GitHub on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, github: ScriptedGitHub) -> None:
        self.github = github
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left early: tests are about them."""


@contextmanager
def serving(github: ScriptedGitHub) -> Iterator[ScriptedGitHub]:
    """Serve over real HTTP on a free port."""
    server = Server(github)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    github.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield github
    finally:
        github.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
