"""An API server that says what the test has written down, and then nothing more."""

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from kubernetes.client import ApiClient, Configuration

from runs_fleet.providers.k8s.rest import Json


@dataclass(frozen=True)
class Answer:
    """One answer; one that is `torn` ends before it should."""

    body: bytes
    status: int = 200
    torn: bool = False


NOTHING_MORE = Answer(b"")


def page(*things: Json, version: str, more: str = "") -> Answer:
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    return Answer(json.dumps({"items": things, "metadata": metadata}).encode())


def changes(*lines: tuple[str, Json], torn: bool = False) -> Answer:
    text = "".join(json.dumps({"type": kind, "object": thing}) + "\n" for kind, thing in lines)
    return Answer(text.encode(), torn=torn)


def refusal(status: int, message: str = "") -> Answer:
    return Answer(json.dumps({"message": message, "code": status}).encode(), status=status)


def expired() -> tuple[str, Json]:
    return "ERROR", {"code": 410, "message": "too old resource version"}


def thing(name: str, version: str) -> Json:
    return {"metadata": {"name": name, "resourceVersion": version}}


class ScriptedServer:
    """Gives one answer after the other; `asked` are the queries that came."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.asked = list[dict[str, str]]()
        self._answers, self._over = deque(answers), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        access = Configuration()
        access.host = f"http://127.0.0.1:{self._server.server_port}"
        self.client = ApiClient(access)
        self._hang_up: Callable[[], None] = self.client.close

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked.append(dict(parse_qsl(urlsplit(self.path).query)))
                answer = server._answers.popleft() if server._answers else NOTHING_MORE
                self.send_response(answer.status)
                self.send_header("Transfer-Encoding", "chunked")
                self.send_header("Connection", "close")
                self.end_headers()
                for line in answer.body.splitlines(keepends=True):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                if answer is NOTHING_MORE:
                    server._over.wait()
                self.wfile.write(b"" if answer.torn else b"0\r\n\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
