"""The HTTP surface: GitHub's deliveries, probes and metrics."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from api.metrics import Metrics
from api.webhook import ACK_LIMIT, Webhook
from intake.door import Door
from runs_fleet.errors import Unavailable


def create_app(
    door: Door,
    *,
    secrets: Sequence[SecretStr],
    ack_limit: float = ACK_LIMIT,
    metrics: Metrics | None = None,
) -> FastAPI:
    """Build the application; without secrets no delivery is ever accepted."""
    app = FastAPI(title="runs-fleet", docs_url=None, redoc_url=None)
    metrics = metrics or Metrics()
    keys = [secret.get_secret_value().encode() for secret in secrets]
    webhook = Webhook(door, metrics, keys=keys, limit=ack_limit)
    app.add_api_route("/webhook", webhook.receive, methods=["POST"], response_model=None)
    app.add_api_route("/health", health)
    app.add_api_route("/ready", readiness(door), response_model=None)
    app.add_api_route("/metrics", exposition(metrics.registry), response_model=None)
    return app


async def health() -> dict[str, str]:
    """Tell that the process is alive, whatever becomes of Temporal."""
    return {"status": "ok"}


def readiness(door: Door) -> Callable[[], Awaitable[JSONResponse]]:
    """Answer /ready: 200 while deliveries can be handed over, else 503 with the reason."""

    async def ready() -> JSONResponse:
        try:
            await door.ready()
        except Unavailable as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, 503)
        return JSONResponse({"status": "ok"})

    return ready


def exposition(registry: CollectorRegistry) -> Callable[[], Awaitable[Response]]:
    """Answer /metrics in the text format of Prometheus."""

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return metrics
