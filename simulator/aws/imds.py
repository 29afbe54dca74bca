"""IMDSv2: what an instance may learn of itself, under a path of its own.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any
from urllib.parse import unquote

from simulator.aws.account import ACCOUNT
from simulator.aws.instances import Instance
from simulator.aws.life import Lives
from simulator.aws.wire import Answer

LONGEST = 21_600
NOT_FOUND = Answer(404, b"<h1>404 - Not Found</h1>", [("Content-Type", "text/html")])
Facts = Mapping[str, Callable[[Instance], str | None]]


class Imds:
    """Answers `/_imds/<instance-id>/latest/...`."""

    def __init__(self, lives: Lives, *, region: str) -> None:
        self._lives = lives
        self._region = region
        self._tokens: dict[str, tuple[str, float]] = {}
        self._facts: Facts = {
            "meta-data/ami-id": lambda i: i.setting("ImageId"),
            "meta-data/instance-id": lambda i: i.instance_id,
            "meta-data/instance-life-cycle": lambda i: i.market,
            "meta-data/instance-type": lambda i: i.pool.instance_type,
            "meta-data/local-ipv4": lambda i: i.address,
            "meta-data/placement/availability-zone": lambda i: i.pool.zone,
            "meta-data/placement/region": lambda _: region,
            "meta-data/spot/instance-action": _action,
            "meta-data/spot/termination-time": _due,
            "meta-data/tags/instance": lambda i: "\n".join(i.tags),
            "dynamic/instance-identity/document": self._document,
            "user-data": lambda i: i.template.user_data or None if i.template else None,
        }

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Answer one request; without a token of this instance it is refused."""
        _, _, instance_id, version, *rest = environ["PATH_INFO"].split("/")
        instance = self._lives.instances.get(instance_id)
        path = "/".join(rest).rstrip("/")
        if instance is None or instance.state == "terminated" or version != "latest":
            return NOT_FOUND
        if path == "api/token":
            return self._token(instance, environ)
        if not self._known(instance, environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN", "")):
            return Answer(401, b"", [("Content-Type", "text/plain")])
        found = self._look(instance, path)
        if found is None:
            return NOT_FOUND
        return Answer(200, found.encode(), [("Content-Type", "text/plain")])

    def _look(self, instance: Instance, path: str) -> str | None:
        tag = path.removeprefix("meta-data/tags/instance/")
        if tag != path:
            return instance.tags.get(unquote(tag))
        fact = self._facts.get(path)
        return fact(instance) if fact else None

    def _token(self, instance: Instance, environ: Mapping[str, Any]) -> Answer:
        asked = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS", "")
        if environ["REQUEST_METHOD"] != "PUT":
            return Answer(405, b"", [("Content-Type", "text/plain")])
        if not asked.isdigit() or not 1 <= int(asked) <= LONGEST:
            return Answer(400, b"", [("Content-Type", "text/plain")])
        token = uuid.uuid4().hex
        self._tokens[token] = (instance.instance_id, time.monotonic() + int(asked))
        headers = [
            ("Content-Type", "text/plain"),
            ("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", asked),
        ]
        return Answer(200, token.encode(), headers)

    def _known(self, instance: Instance, token: str) -> bool:
        owner, until = self._tokens.get(token, ("", 0.0))
        return owner == instance.instance_id and time.monotonic() < until

    def _document(self, instance: Instance) -> str:
        document = {
            "accountId": ACCOUNT,
            "architecture": instance.arch,
            "availabilityZone": instance.pool.zone,
            "imageId": instance.setting("ImageId"),
            "instanceId": instance.instance_id,
            "instanceType": instance.pool.instance_type,
            "pendingTime": instance.launched.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "privateIp": instance.address,
            "region": self._region,
            "version": "2017-09-30",
        }
        return json.dumps(document, indent=2)


def _due(instance: Instance) -> str | None:
    if instance.notice is None:
        return None
    return instance.notice.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _action(instance: Instance) -> str | None:
    due = _due(instance)
    return json.dumps({"action": "terminate", "time": due}) if due else None
