"""What every REST call goes through: faults, identity, limits, the handler, the contract."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from simulator.github.bodies import Json
from simulator.github.identity import Denied, Token
from simulator.github.limits import Limited
from simulator.github.plans import Fault
from simulator.github.service import GitHubService
from simulator.github.wires import abort

DOCS = "https://docs.github.com/rest"
NO_CONTENT = 204


@dataclass(frozen=True)
class Call:
    """One REST call, read."""

    params: dict[str, str]
    query: dict[str, str]
    body: Json
    url: str
    token: Token | None = None

    @property
    def repo(self) -> str:
        return f"{self.params['owner']}/{self.params['repo']}"

    def number(self, name: str) -> int:
        """Read a number from the path. Raises Failure, because nothing has such an id."""
        if not self.params[name].isdecimal():
            raise NOT_FOUND
        return int(self.params[name])


@dataclass(frozen=True)
class Reply:
    """One answer, before it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Failure(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, *, docs: str = DOCS) -> None:
        super().__init__(message)
        body = {"message": message, "documentation_url": docs, "status": str(status)}
        self.reply = Reply(status, body)


NOT_FOUND = Failure(404, "Not Found")
Handler = Callable[[GitHubService, Call], Reply]


@dataclass(frozen=True)
class Operation:
    """One entry of GitHub's API, and whom it answers."""

    method: str
    template: str
    handler: Handler
    auth: Literal["app", "installation", "any"] = "installation"
    resource: str = "core"
    permission: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.template


class Pipeline:
    """Answers one operation's calls."""

    def __init__(self, service: GitHubService, operation: Operation) -> None:
        self._service, self._operation = service, operation

    async def __call__(self, request: Request) -> Response:
        """Answer, or make the trouble that was asked for."""
        body = await request.body()
        path = request.url.path.removeprefix(self._service.base)
        fault = self._service.faults.meet(request.method, path) or Fault()
        await asyncio.sleep(fault.delay)
        if fault.reset:
            self._count("reset")
            return abort(request)
        if fault.status is not None:
            return self._respond(Reply(fault.status, fault.body, fault.headers))
        reply = self._answer(request, body)
        if fault.lose_answer:
            self._count("lost")
            return abort(request)
        self._service.contract.reply(self._operation.key, reply.status, reply.body)
        return self._respond(reply)

    def _answer(self, request: Request, body: bytes) -> Reply:
        try:
            token, caller = self._identify(request)
            with self._service.limits.guarded(caller, *self._operation.key):
                bucket = self._bucket(caller)
                reply = self._handle(_read(request, body, token))
            return Reply(reply.status, reply.body, bucket | reply.headers)
        except Limited as limited:
            failure = Failure(403, str(limited), docs=limited.docs)
            return Reply(403, failure.reply.body, limited.headers)
        except Denied as denied:
            return Failure(denied.status, str(denied)).reply

    def _handle(self, call: Call) -> Reply:
        try:
            return self._operation.handler(self._service, call)
        except Failure as failure:
            return failure.reply

    def _identify(self, request: Request) -> tuple[Token | None, str]:
        if not request.headers.get("user-agent"):
            raise Denied(403, "Request forbidden by administrative rules.")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token"):
            raise Denied(401, "Requires authentication")
        if self._operation.auth == "app" or bearer.startswith("ey"):
            self._service.apps.check_jwt(bearer)
            if self._operation.auth == "installation":
                raise Denied(403, "Resource not accessible by integration")
            return None, f"app ID {self._service.apps.app_id}"
        token = self._service.apps.check_token(bearer)
        self._permit(token)
        return token, f"installation ID {token.account.installation_id}"

    def _permit(self, token: Token) -> None:
        needed = self._operation.permission
        if needed is not None and not token.may(*needed):
            raise Denied(403, "Resource not accessible by integration")

    def _bucket(self, caller: str) -> dict[str, str]:
        if self._operation.auth == "any":
            return self._service.limits.bucket(caller, "core").headers
        return self._service.limits.spend(caller, self._operation.resource).headers

    def _respond(self, reply: Reply) -> Response:
        self._count(str(reply.status))
        empty = reply.status == NO_CONTENT or reply.body is None
        content = b"" if empty else json.dumps(reply.body).encode()
        headers = {"content-type": "application/json; charset=utf-8"} if content else {}
        return Response(content, reply.status, headers | reply.headers)

    def _count(self, outcome: str) -> None:
        self._service.calls[" ".join(self._operation.key)][outcome] += 1


def _read(request: Request, body: bytes, token: Token | None) -> Call:
    try:
        parsed = json.loads(body) if body else {}
    except ValueError:
        raise Denied(400, "Problems parsing JSON") from None
    if not isinstance(parsed, dict):
        raise Denied(422, "Invalid request.\n\nFor 'links/0/schema', it is not an object.")
    query = dict(request.query_params)
    return Call(dict(request.path_params), query, parsed, str(request.url), token)
