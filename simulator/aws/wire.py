"""The three spellings of AWS calls that matter here: EC2's query and XML, and the JSON ones."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.utils import get_service_model

from simulator.aws.errors import AwsError

# The names of SQS errors before its JSON protocol, which botocore still shows.
OLD_NAMES = {
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
}
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
APP = re.compile(r"\bapp/(\S+)")
ACTION = re.compile(rb"\bAction=(\w+)")
SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """One HTTP request to an AWS service, read once."""

    service: str
    action: str
    body: bytes
    app: str

    @classmethod
    def read(cls, environ: Mapping[str, Any]) -> "Call":
        """Take a WSGI request's body and find out what is asked by whom."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        signed = SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        named = ACTION.search(body)
        action = target or (named[1].decode() if named else "")
        agent = environ.get("HTTP_USER_AGENT", "")
        app = APP.search(agent)
        return cls(
            service=signed[1] if signed else "",
            action=action,
            body=body,
            app=app[1] if app else agent.partition("/")[0],
        )

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters as a tree: EC2's dotted keys unfolded, or the JSON document."""
        if self.body[:1] == b"{":
            return dict(json.loads(self.body))
        tree: dict[str, Any] = {}
        for key, value in parse_qsl(self.body.decode(), keep_blank_values=True):
            _plant(tree, key.split("."), value)
        return {key: _lists(branch) for key, branch in tree.items()}


def answer(action: str, result: Mapping[str, Any]) -> Answer:
    """Spell an EC2 result, a mapping in the shape that boto3 shows, as EC2's XML."""
    shape = get_service_model("ec2").operation_model(action).output_shape
    inner = "".join(_members(shape, result)) if shape else "<return>true</return>"
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{NAMESPACE}">'
        f"<requestId>{uuid.uuid4()}</requestId>{inner}</{action}Response>"
    )
    return Answer(200, body.encode(), [("Content-Type", "text/xml;charset=UTF-8")])


def warm_up() -> None:
    """Load EC2's model, which takes half a second, before the first call has to wait for it."""
    answer("DescribeInstances", {"Reservations": []})


def json_answer(result: Mapping[str, Any], *, status: int = 200) -> Answer:
    """Spell a JSON result."""
    return Answer(
        status, json.dumps(result).encode(), [("Content-Type", "application/x-amz-json-1.1")]
    )


def error_answer(error: AwsError, *, service: str) -> Answer:
    """Spell an error as the service that was called does."""
    if service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
            f"</Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
        )
        return Answer(error.status, body.encode(), [("Content-Type", "text/xml;charset=UTF-8")])
    if service == "sts":
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
            f"</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        )
        return Answer(error.status, body.encode(), [("Content-Type", "text/xml")])
    spelled = json_answer({"__type": error.code, "message": error.message}, status=error.status)
    old = OLD_NAMES.get(error.code, error.code)
    spelled.headers.append(("x-amzn-query-error", f"{old};Sender"))
    return spelled


def _plant(tree: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


def _lists(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    if all(key.isdigit() for key in branch):
        return [_lists(branch[key]) for key in sorted(branch, key=int)]
    return {key: _lists(value) for key, value in branch.items()}


def _members(shape: Any, value: Mapping[str, Any]) -> Iterator[str]:
    # moto's data may be newer than botocore's model of it.
    members = shape.members
    for name, item in value.items():
        if item is not None and name in members:
            tag = members[name].serialization.get("name", name)
            yield _element(members[name], item, name=tag)


def _element(shape: Any, value: Any, *, name: str) -> str:
    if shape.type_name == "structure":
        inner = "".join(_members(shape, value))
    elif shape.type_name == "list":
        tag = shape.member.serialization.get("name", "item")
        inner = "".join(_element(shape.member, item, name=tag) for item in value)
    else:
        inner = _text(value)
    return f"<{name}>{inner}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return escape(str(value))
