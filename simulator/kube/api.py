"""The Kubernetes API as plain JSON over HTTP, without a class for each kind of object.

ApiError         the server refused: `status`, `reason` and its message
└── Gone         410: list again, the server does not remember so far back
ApiAway          no answer: try again
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

Json = dict[str, Any]
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
CONNECT, READ = 5.0, 30.0
CONNECTIONS = 16
BAD, GONE = 400, 410
# Tells calls of the world from calls of the product in an audit log.
AGENT = "runs-fleet-simulator"


class ApiAway(Exception):
    """The server did not answer, or not to the end."""


class ApiError(Exception):
    """The server answered that it will not."""

    def __init__(self, status: int, said: Json) -> None:
        super().__init__(f"{status} {said.get('reason', '')}: {said.get('message', '')}")
        self.status = status
        self.reason = str(said.get("reason", ""))


class Gone(ApiError):
    """What was asked for is older than what the server remembers."""


class Api:
    """One API server as one user; thread safe."""

    def __init__(self, access: client.Configuration) -> None:
        self.host = str(access.host).rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": AGENT}
        if token := access.get_api_key_with_prefix("BearerToken", "authorization"):
            self._headers["Authorization"] = token
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            ca_certs=access.ssl_ca_cert,
            cert_file=access.cert_file,
            key_file=access.key_file,
            cert_reqs="CERT_REQUIRED" if access.verify_ssl else "CERT_NONE",
            retries=False,
        )

    @classmethod
    def of(cls, kubeconfig: Path) -> Self:
        """Be the user of a kubeconfig's current context."""
        access = client.Configuration()
        load: Callable[..., None] = config.load_kube_config
        load(str(kubeconfig), client_configuration=access)
        return cls(access)

    def ready(self) -> bool:
        """Tell whether the server says that it can serve."""
        try:
            return self._send("GET", "/readyz").status < BAD
        except ApiAway:
            return False

    def get(self, path: str, **query: str) -> Json:
        """Read an object or a list."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: Json, **query: str) -> Json:
        """Create an object."""
        return self._ask("POST", path, body=body, query=query)

    def patch(self, path: str, body: Json, *, kind: str = STRATEGIC) -> Json:
        """Change an object."""
        return self._ask("PATCH", path, body=body, kind=kind)

    def delete(self, path: str, body: Json | None = None, **query: str) -> Json:
        """Delete an object, or a collection."""
        return self._ask("DELETE", path, body=body, query=query)

    def watch(self, path: str, **query: str) -> "Watch":
        """Watch a collection; the caller closes the answer."""
        fields = {"watch": "true", "allowWatchBookmarks": "true", **query}
        patience = float(query["timeoutSeconds"]) + READ
        answer = self._send("GET", path, query=fields, patience=patience, stream=True)
        if answer.status >= BAD:
            with closing(answer):
                raise _error(answer.status, answer.data)
        return Watch(answer)

    def close(self) -> None:
        """Hang up."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Json | None = None,
        kind: str = "application/json",
    ) -> Json:
        answer = self._send(method, path, query=query, body=body, kind=kind)
        if answer.status >= BAD:
            raise _error(answer.status, answer.data)
        found: Json = json.loads(answer.data)
        return found

    def _send(  # noqa: PLR0913 - one place for all of them
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Json | None = None,
        kind: str = "application/json",
        patience: float = READ,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        content = None if body is None else json.dumps(body).encode()
        asked = f"?{urlencode(query)}" if query else ""
        try:
            return self._pool.request(
                method,
                f"{self.host}{path}{asked}",
                body=content,
                headers=self._headers | ({"Content-Type": kind} if content else {}),
                timeout=urllib3.Timeout(connect=CONNECT, read=patience),
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiAway(str(error)) from error


class Watch:
    """One running watch: iterate over its events; `close` may come from another thread."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[Json]:
        rest = b""
        try:
            for piece in self._answer.stream(1 << 16):
                *lines, rest = (rest + piece).split(b"\n")
                for line in filter(None, lines):
                    yield _event(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiAway(str(error)) from error

    def interrupt(self) -> None:
        """End the iteration, from another thread; one that has just ended is fine."""
        with suppress(ValueError, RuntimeError, OSError):
            self._answer.shutdown()

    def close(self) -> None:
        """Hang up."""
        self._answer.close()


def _event(line: bytes) -> Json:
    event: Json = json.loads(line)
    if event["type"] == "ERROR":
        said = event["object"]
        raise (Gone if said.get("code") == GONE else ApiError)(int(said.get("code", 500)), said)
    return event


def _error(status: int, data: bytes) -> ApiError:
    try:
        said: Json = json.loads(data)
    except ValueError:
        said = {"message": data.decode(errors="replace").strip()}
    return (Gone if status == GONE else ApiError)(status, said)
