"""The broker's HTTP, our own and simple: what the stand-in for `run.sh` speaks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.github.bodies import Json
from simulator.github.entities import Job, Session
from simulator.github.hub import Conflict
from simulator.github.joining import Unwelcome, join
from simulator.github.service import GitHubService
from simulator.github.sessions import Deleted, SessionConflict
from simulator.github.wires import abort

RESULT_WORDS = {"success": "Succeeded", "failure": "Failed", "cancelled": "Canceled"}
NONE: Json = {"type": "none"}
GONE: Json = {"code": "deleted"}


class Broker:
    """Sessions and messages of runners; an open poll is what makes a runner online."""

    def __init__(self, service: GitHubService) -> None:
        self._service = service
        self.routes = [
            Route("/register", self.register, methods=["POST"]),
            Route("/session", self.open_session, methods=["POST"]),
            Route("/session/{session}", self.close_session, methods=["DELETE"]),
            Route("/message/{session}", self.message, methods=["GET"]),
            Route("/acquire/{session}/{job:int}", self.acquire, methods=["POST"]),
            Route("/complete/{session}/{job:int}", self.complete, methods=["POST"]),
        ]

    async def register(self, request: Request) -> Response:
        """Register a runner by its own wish; 404 when its token is no good."""
        try:
            config = join(self._service, await request.json())
        except Unwelcome as error:
            return JSONResponse({"message": str(error)}, error.status)
        return JSONResponse({"config": config}, 201)

    async def open_session(self, request: Request) -> Response:
        """409 while another session of the runner is open, 400 when it is not registered."""
        body = await request.json()
        try:
            client, agent = str(body["client_id"]), int(body["agent_id"])
            session = self._service.sessions.create(client, agent)
        except SessionConflict:
            return JSONResponse({"code": "conflict"}, 409)
        except (Deleted, KeyError, ValueError):
            return JSONResponse(GONE, 400)
        return JSONResponse({"session": session.id})

    async def close_session(self, request: Request) -> Response:
        """End a session; ended already is fine."""
        session = self._session(request)
        if session is not None:
            self._service.sessions.close(session)
            self._service.bells.pop(session.id, None)
        return Response(status_code=204)

    async def message(self, request: Request) -> Response:
        """Wait for a message: job, cancel, deleted or none."""
        session = self._session(request)
        if session is None:
            return JSONResponse(GONE, 404)
        async with self._polling(session, request) as broken:
            if broken.is_set() or session.poisoned:
                return abort(request)
            return JSONResponse(self._next(session))

    async def acquire(self, request: Request) -> Response:
        """409 when the job is not the runner's to have."""
        session = self._session(request)
        if session is None:
            return JSONResponse(GONE, 404)
        try:
            job = self._service.hub.acquire(session, request.path_params["job"])
        except Conflict as conflict:
            return JSONResponse({"code": "conflict", "message": str(conflict)}, 409)
        return JSONResponse(_offer(job))

    async def complete(self, request: Request) -> Response:
        """Hear how a job went; 409 when GitHub has given it up meanwhile."""
        session, body = self._session(request), await request.json()
        if session is None:
            return JSONResponse(GONE, 404)
        try:
            job = request.path_params["job"]
            self._service.hub.complete(session, job, str(body.get("result")))
        except Conflict as conflict:
            return JSONResponse({"code": "conflict", "message": str(conflict)}, 409)
        return JSONResponse({})

    def _session(self, request: Request) -> Session | None:
        return self._service.sessions.open.get(request.path_params["session"])

    def _next(self, session: Session) -> Json:
        return session.messages.popleft() if session.messages else NONE

    @contextlib.asynccontextmanager
    async def _polling(self, session: Session, request: Request) -> AsyncIterator[asyncio.Event]:
        bell, broken = self._service.bells[session.id], asyncio.Event()
        watch = asyncio.create_task(_watch(request, bell, broken))
        self._service.sessions.poll(session)
        try:
            await self._wait(session, bell, broken)
            yield broken
        finally:
            watch.cancel()
            self._service.sessions.polled(session, broken=broken.is_set())

    async def _wait(self, session: Session, bell: asyncio.Event, broken: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._service.hub.settings.poll_seconds):
                while not (session.messages or session.poisoned or broken.is_set()):
                    if self._service.closing:
                        return
                    bell.clear()
                    await bell.wait()


async def _watch(request: Request, bell: asyncio.Event, broken: asyncio.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
    broken.set()
    bell.set()


def _offer(job: Job) -> Json:
    return {
        "job_id": job.id,
        "name": job.plan.name,
        "seconds": job.plan.seconds,
        "result": RESULT_WORDS.get(job.plan.conclusion, "Failed"),
        "env": {
            "GITHUB_ACTIONS": "true",
            "GITHUB_JOB": job.plan.name,
            "GITHUB_REPOSITORY": job.run.repo,
            "GITHUB_RUN_ATTEMPT": str(job.attempt),
            "GITHUB_RUN_ID": str(job.run.id),
            "GITHUB_WORKFLOW": job.run.plan.workflow,
        },
    }
