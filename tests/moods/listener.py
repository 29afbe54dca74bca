"""A runner's listener, just good enough to be handed a job."""

import base64
import json
from typing import Any

import httpx


class Listener:
    """Connects by a JIT config, and works jobs when told to."""

    def __init__(self, jit_config: str, http: httpx.Client) -> None:
        files = _decoded(jit_config)
        settings, credentials = (_decoded(files[name]) for name in (".runner", ".credentials"))
        self._http, self._url = http, str(settings["ServerUrlV2"]).rstrip("/")
        who = {"client_id": credentials["data"]["clientId"], "agent_id": settings["AgentId"]}
        self._session = self._post("/session", who)["session"]
        # A poll is what makes it online; a job that waits is the first message.
        self._http.get(f"{self._url}/message/{self._session}")

    def take(self, job_id: int) -> None:
        """Begin the job."""
        self._post(f"/acquire/{self._session}/{job_id}", {})

    def finish(self, job_id: int) -> None:
        """End the job well."""
        self._post(f"/complete/{self._session}/{job_id}", {"result": "Succeeded"})

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"{self._url}{path}", json=body).raise_for_status()
        return dict(answer.json())


def _decoded(text: str) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(text)))
