"""A GitHub Enterprise Server of the smallest kind: one repository, one installation, one job."""

import base64
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from simulator.ports import free_port

BASE = "/api/v3"
REPO = "octo/hello"
INSTALLATION = 501
TOKEN = "ghs_" + "t" * 36
JIT_CONFIG = base64.b64encode(b'{"the jit config": "is a secret"}').decode()
Answer = tuple[int, dict[str, Any] | None]


class Enterprise:
    """Has an address from the first moment on, but answers only once it is started."""

    def __init__(self, app_id: str, public_key: bytes) -> None:
        self.port = free_port()
        self.api_url = f"http://127.0.0.1:{self.port}{BASE}"
        self.runners: dict[int, dict[str, Any]] = {}
        self.calls: list[str] = []
        self._app_id, self._key = app_id, public_key
        self._server: ThreadingHTTPServer | None = None
        runners = f"/repos/{REPO}/actions/runners"
        self._routes: dict[str, Callable[[str, dict[str, Any]], Answer]] = {
            f"POST /app/installations/{INSTALLATION}/access_tokens": self._token,
            f"POST {runners}/generate-jitconfig": self._mint,
            rf"DELETE {runners}/(\d+)": self._delete,
        }

    def start(self) -> None:
        """Begin to answer."""
        handler = type("Bound", (_Handler,), {"github": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be gone."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, call: str, bearer: str, body: dict[str, Any]) -> Answer:
        """Answer one call: the app by its JWT, everything else by the installation's token."""
        self.calls.append(call)
        for pattern, act in self._routes.items():
            if found := re.fullmatch(pattern, call):
                if not self._knows(call, bearer):
                    return 401, {"message": "Bad credentials"}
                return act("".join(found.groups()), body)
        return 404, {"message": "Not Found"}

    def _knows(self, call: str, bearer: str) -> bool:
        if "/app/" not in call:
            return bearer == TOKEN
        claims = jwt.decode(bearer, self._key, algorithms=["RS256"])
        return str(claims["iss"]) == self._app_id

    def _token(self, _: str, body: dict[str, Any]) -> Answer:
        expires = datetime.now(UTC) + timedelta(hours=1)
        return 201, {"token": TOKEN, "expires_at": expires.isoformat()}

    def _mint(self, _: str, body: dict[str, Any]) -> Answer:
        runner_id = len(self.runners) + 1
        self.runners[runner_id] = body
        named = {"id": runner_id, "name": body["name"], "status": "offline", "busy": False}
        return 201, {"runner": named, "encoded_jit_config": JIT_CONFIG}

    def _delete(self, runner_id: str, body: dict[str, Any]) -> Answer:
        gone = self.runners.pop(int(runner_id), None)
        return (204, None) if gone else (404, {"message": "Not Found"})


class _Handler(BaseHTTPRequestHandler):
    github: Enterprise

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        bearer = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        call = f"{self.command} {self.path.removeprefix(BASE)}"
        status, content = self.github.answer(call, bearer, body)
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
