"""The fake GitHub as one ASGI application: REST, broker and levers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from simulator.github.broker import Broker
from simulator.github.levers import Levers
from simulator.github.operations import OPERATIONS
from simulator.github.pipeline import NOT_FOUND, Operation, Pipeline
from simulator.github.service import GitHubService


def application(service: GitHubService) -> Starlette:
    """Mount everything; the API stands under the service's base path."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        turning = asyncio.create_task(service.turn())
        yield
        turning.cancel()
        await service.deliveries.close()

    routes: list[BaseRoute] = [
        Mount("/_broker", routes=Broker(service).routes),
        Mount("/_admin", routes=Levers(service).routes),
        Mount(service.base, routes=[*_rest(service), Route("/{rest:path}", _nothing)]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _rest(service: GitHubService) -> list[BaseRoute]:
    return [_route(service, operation) for operation in OPERATIONS]


def _route(service: GitHubService, operation: Operation) -> Route:
    pipeline = Pipeline(service, operation)

    async def answer(request: Request) -> Response:
        return await pipeline(request)

    return Route(operation.template, answer, methods=[operation.method])


async def _nothing(request: Request) -> Response:
    return JSONResponse(NOT_FOUND.reply.body, 404)
