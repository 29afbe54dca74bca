"""Runners that register themselves, with a token that is good for an hour and for many of them."""

import base64
from datetime import UTC, datetime
from urllib.parse import urlsplit

from simulator.github import jit
from simulator.github.bodies import Json
from simulator.github.pipeline import Call, Reply
from simulator.github.registry import NameTaken
from simulator.github.runner_api import scope_of
from simulator.github.service import GitHubService

HOUR, LENGTH = 3600.0, 18


class Unwelcome(Exception):
    """The token is no good there, or the name is taken."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def token(service: GitHubService, call: Call) -> Reply:
    """Make a token for runners of one organization or repository."""
    scope, expires = scope_of(service, call), service.clock() + HOUR
    value = "A" + base64.b32encode(service.rng.randbytes(LENGTH)).decode().rstrip("=")
    service.registration_tokens[value] = (scope, expires)
    shown = datetime.fromtimestamp(expires, UTC).isoformat()
    return Reply(201, {"token": value, "expires_at": shown})


def join(service: GitHubService, body: Json) -> str:
    """Register the runner that config.sh asks for; returns its configuration. Raises Unwelcome."""
    scope, expires = service.registration_tokens.get(str(body["token"]), ("", 0.0))
    wanted = urlsplit(str(body["url"])).path.strip("/")
    if not scope or scope.lower() != wanted.lower() or expires <= service.clock():
        raise Unwelcome(404, "Not Found")
    groups = {name.lower(): number for number, name in service.hub.groups.items()}
    group = groups.get(str(body["group"]).lower())
    if group is None:
        raise Unwelcome(404, f"Could not find any self-hosted runner group named {body['group']}")
    try:
        runner = service.hub.registry.register(
            str(body["name"]), scope, labels=tuple(body["labels"]), group_id=group,
            work_folder=str(body["work"]),
        )  # fmt: skip
    except NameTaken as error:
        raise Unwelcome(409, f"A runner exists with the same name {error}.") from None
    service.hub.idle(runner)
    return jit.encoded(runner, broker=service.broker_url, web=service.root, rng=service.rng)
