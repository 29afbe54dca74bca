"""A JIT config in the nested form and the size of the real one, worthless outside this process."""

import base64
import json
import random
from typing import Any

from simulator.github.entities import Runner

RSA_FIELDS = {
    "d": 256, "dp": 128, "dq": 128, "exponent": 3, "inverseQ": 128, "modulus": 256, "p": 128,
    "q": 128,
}  # fmt: skip


def encoded(runner: Runner, *, broker: str, web: str, rng: random.Random) -> str:
    """Write the config that a runner is started with: about 4,100 characters."""
    files = {
        ".runner": _settings(runner, broker, web),
        ".credentials": _credentials(runner, web),
        ".credentials_rsaparams": {
            name: base64.b64encode(rng.randbytes(size)).decode()
            for name, size in RSA_FIELDS.items()
        },
    }
    return _encode({name: _encode(content) for name, content in files.items()})


def _settings(runner: Runner, broker: str, web: str) -> dict[str, Any]:
    return {
        "AgentId": str(runner.id),
        "AgentName": runner.name,
        "DisableUpdate": "True",
        "Ephemeral": "True",
        "PoolId": str(runner.group_id),
        "PoolName": None,
        "ServerUrl": "https://pipelinesghubeus1.actions.githubusercontent.com/"
        + base64.b32encode(runner.client_id.encode())[:50].decode()
        + "/",
        "WorkFolder": runner.work_folder,
        "GitHubUrl": f"{web}/{runner.scope}",
        "ServerUrlV2": broker,
        "UseV2Flow": "True",
    }


def _credentials(runner: Runner, web: str) -> dict[str, Any]:
    return {
        "scheme": "OAuth",
        "data": {
            "authorizationUrl": f"{web}/_services/token/{runner.client_id}/_apis/oauth2/token",
            "authorizationUrlV2": f"{web}/_services/v2/oauth2/token",
            "clientId": runner.client_id,
            "requireFipsCryptography": "True",
        },
    }


def _encode(content: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()
