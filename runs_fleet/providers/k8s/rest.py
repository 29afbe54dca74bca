"""The Kubernetes API as plain JSON, over the official client's own connections and credentials.

Without a model for each kind a list costs a tenth of the time, a watch can be ended from another
thread, and a Secret can be listed without being read.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient
from urllib3.exceptions import HTTPError

from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.providers.k8s.errors import Conflict as Conflict
from runs_fleet.providers.k8s.errors import Expired as Expired
from runs_fleet.providers.k8s.errors import verdict

Json = dict[str, Any]
JSON = "application/json"
# JSON is YAML. https://kubernetes.io/docs/reference/using-api/server-side-apply/
APPLY = "application/apply-patch+yaml"
# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
CONNECT, READ = 5.0, 15.0
OK, EXPIRED = 300, 410
PAGE, MOST_PAGES = 500, 40
CREDENTIALS_LAST = 10.0


class Rest:
    """One API server; safe to be used by several threads."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._known: tuple[dict[str, str], float] = ({}, 0.0)

    def get(self, path: str, **query: str) -> Json:
        """Read an object, or a page of a list. Raises NotThere."""
        return self._json("GET", path, query=query)

    def post(self, path: str, body: Json, *, quote: bool = True) -> Json:
        """Make an object. Raises Conflict when it is there."""
        return self._json("POST", path, body=body, quote=quote)

    def put(self, path: str, body: Json, *, quote: bool = True) -> Json:
        """Replace an object as it was read. Raises Conflict when it has changed since."""
        return self._json("PUT", path, body=body, quote=quote)

    def apply(self, path: str, body: Json, *, manager: str) -> Json:
        """Make an object what the body says, new or not; what it says is ours from here on."""
        query = {"fieldManager": manager, "force": "true"}
        return self._json("PATCH", path, query=query, body=body, sent=APPLY)

    def delete(self, path: str, body: Json | None = None) -> Json:
        """Delete an object. Raises NotThere."""
        return self._json("DELETE", path, body=body)

    def items(self, path: str, *, accept: str = JSON, **query: str) -> tuple[list[Json], str]:
        """Read a whole list, and the version it is of. Raises Unavailable when it has no end."""
        found, version, mark = list[Json](), "", ""
        for _ in range(MOST_PAGES):
            asked = {**query, "limit": str(PAGE), **({"continue": mark} if mark else {})}
            page = self._json("GET", path, query=asked, accept=accept)
            # An empty list of metadata is null.
            found += page["items"] or []
            version = page["metadata"]["resourceVersion"]
            if not (mark := page["metadata"].get("continue", "")):
                return found, version
        raise Unavailable(f"more than {MOST_PAGES * PAGE} objects at {path}")

    def watch(self, path: str, *, seconds: float, **query: str) -> "Changes":
        """Begin to watch; the server ends it after so many seconds."""
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(seconds)),
        }
        # Longer than the server takes to end it, so that a connection gone dead shows.
        answer = self._ask("GET", path, query=asked, stream=True, patience=seconds + READ)
        return Changes(answer, path)

    def _json(  # noqa: PLR0913 - what a request may have, all optional
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        accept: str = JSON,
        sent: str = JSON,
        quote: bool = True,
    ) -> Json:
        answer = self._ask(
            method, path, query=query, body=body, accept=accept, sent=sent, quote=quote
        )
        with _translated(path):
            read: Json = json.loads(answer.data)
        return read

    def _ask(  # noqa: PLR0913 - the one place where a request is put together
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        accept: str = JSON,
        sent: str = JSON,
        stream: bool = False,
        patience: float = READ,
        quote: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        asked = f"?{urlencode(query)}" if query else ""
        with _translated(path):
            answer: urllib3.BaseHTTPResponse = self._client.rest_client.pool_manager.request(
                method,
                f"{self._client.configuration.host}{path}{asked}",
                body=None if body is None else json.dumps(body).encode(),
                headers={"Accept": accept, "Content-Type": sent, **self._credentials()},
                timeout=urllib3.Timeout(connect=CONNECT, read=patience),
                retries=False,
                preload_content=not stream,
            )
            if answer.status >= OK:
                what = f"{method} {path}"
                raise verdict(answer.status, answer.data, what, headers=answer.headers, quote=quote)
        return answer

    def _credentials(self) -> dict[str, str]:
        # A pod's token is replaced every hour, and each asking may read a whole kubeconfig.
        headers, until = self._known
        if time.monotonic() >= until:
            known = self._client.configuration.auth_settings().values()
            headers = {each["key"]: each["value"] for each in known if each["in"] == "header"}
            self._known = headers, time.monotonic() + CREDENTIALS_LAST
        return headers


class Changes:
    """A watch under way: what changes, one after the other. `end` may come from any thread."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, path: str) -> None:
        self._answer, self._path = answer, path
        self._ended = threading.Event()

    def __iter__(self) -> Iterator[tuple[str, Json]]:
        """Give each change, and the thing changed. Raises Expired, Unavailable."""
        rest = b""
        try:
            with _translated(self._path):
                for piece in self._answer.stream(1 << 16):
                    *lines, rest = (rest + piece).split(b"\n")
                    yield from (_change(line) for line in lines if line)
        except (FleetError, AttributeError):
            # Python's ssl forgets its state while another thread may be about to read.
            if not self._ended.is_set():
                raise
        finally:
            self._answer.close()

    def end(self) -> None:
        """Have it end at once."""
        self._ended.set()
        with suppress(ValueError):  # It is over already.
            self._answer.shutdown()


def _change(line: bytes) -> tuple[str, Json]:
    change = json.loads(line)
    thing: Json = change["object"]
    if change["type"] != "ERROR":
        return change["type"], thing
    if thing.get("code") == EXPIRED:
        raise Expired(thing.get("message", ""))
    raise Unavailable(f"watch ended: {thing.get('code')} {thing.get('message')}")


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except (HTTPError, OSError, ValueError) as error:
        raise Unavailable(f"no answer to {path}: {error}") from error
