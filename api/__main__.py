"""`runs-fleet api`: serve at once, connect to Temporal when it is there, end on SIGTERM."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

import boto3
import uvicorn
import uvloop
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from api.app import create_app
from api.draining import DrainingServer
from api.metrics import Metrics
from intake.bounded import BoundedDoor
from intake.breaker import Breaker
from intake.intake import Intake
from intake.requests import Routing
from intake.spool import LIMIT, SENDERS, Spool
from intake.spooled import SpooledDoor
from runs_fleet import logs
from runs_fleet.aws.clients import sender
from runs_fleet.aws.errors import translated
from runs_fleet.errors import Refused
from runs_fleet.ports import BatchOutbox
from runs_fleet.queues import valkey
from runs_fleet.queues.sqs import SqsOutbox
from runs_fleet.queues.valkey_fifo import FifoOutbox
from runs_fleet.settings import ApiSettings, BadSettings, load_api
from workflows import attributes
from workflows.payloads import DATA_CONVERTER

DEFAULT_ADDRESS = "localhost:7233"
FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
DRAIN_SECONDS = 10
# Longer than load balancers keep theirs: who hangs up first loses what the other has just sent.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#connection-idle-timeout
KEEP_ALIVE = 75
NOT_ALLOWED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)

log = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; wrong settings end it at once with status 2."""
    # uvicorn drains on SIGTERM, and then raises it again for whoever was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = load_api(os.environ)
        address = ClientConfig.load_client_connect_config()
        address.setdefault("target_host", DEFAULT_ADDRESS)
    except BadSettings as error:
        sys.exit(_complain(str(error)))
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(_complain(f"the Temporal settings cannot be read: {error}"))
    logs.configure(settings.log_format, settings.log_level)
    try:
        uvloop.run(serve(settings, address))
    except Refused as error:
        sys.exit(_complain(str(error)))
    except KeyboardInterrupt:
        pass


async def serve(settings: ApiSettings, address: ClientConnectConfig) -> None:
    """Serve from the first moment on; deliveries are answered with 503 until Temporal is there."""
    routing = Routing(mode=settings.mode, backends=settings.backends, policy=settings.policy)
    intake = Intake(routing)
    app = _app(settings, intake)
    server = DrainingServer(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=KEEP_ALIVE,
        )
    )
    connecting = asyncio.create_task(connect(intake, address))
    try:
        await server.serve()
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting


def _app(settings: ApiSettings, intake: Intake) -> FastAPI:
    """Put the spool beside Temporal, if there is one."""
    door, breaker = BoundedDoor(intake), Breaker()
    metrics = Metrics(away=lambda: breaker.is_open)
    if (outbox := _spool(settings)) is None:
        return create_app(door, secrets=settings.webhook_secrets, metrics=metrics)
    spooled = SpooledDoor(door, Spool(outbox), breaker=breaker, on_spooled=metrics.spooled)
    return create_app(spooled, secrets=settings.webhook_secrets, metrics=metrics)


def _spool(settings: ApiSettings) -> BatchOutbox | None:
    """Reach the queue of this mode, if one is named. Raises Refused."""
    if settings.sqs_spool:
        with translated("SQS client"):
            session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
            return SqsOutbox(sender(session, pool=SENDERS), settings.sqs_spool)
    if settings.valkey_spool:
        password, ca = settings.valkey_password, settings.valkey_ca_file
        client = valkey.connect(
            settings.valkey_spool,
            username=settings.valkey_username,
            password=password.get_secret_value() if password else "",
            ca=ca.read_text() if ca else None,
            timeout=LIMIT,
        )
        return FifoOutbox(client, valkey.SPOOL)
    return None


async def connect(intake: Intake, address: ClientConnectConfig) -> None:
    """Try until Temporal answers; from then on the client reconnects by itself."""
    wait = FIRST_WAIT
    while (client := await _connected(address)) is None:
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)
    intake.connect(client)
    log.info("connected to temporal", extra=_facts(address))


async def _connected(address: ClientConnectConfig) -> Client | None:
    """Return a client, or None; the SDK raises RuntimeError when nobody answers."""
    try:
        client = await Client.connect(**address, data_converter=DATA_CONVERTER)
        await _register(client)
    except (RPCError, RuntimeError, OSError) as error:
        log.warning("waiting for temporal", extra=_facts(address) | {"reason": str(error)})
        return None
    return client


async def _register(client: Client) -> None:
    try:
        await attributes.ensure(client)
    except RPCError as error:
        # Where only its owner may change a namespace, the owner has to have done it.
        # https://docs.temporal.io/cloud/namespaces#manage-search-attributes
        if error.status not in NOT_ALLOWED:
            raise
        log.warning("search attributes not registered", extra={"reason": error.message})


def _facts(address: ClientConnectConfig) -> dict[str, object]:
    namespace = address.get("namespace", "default")
    return {"address": address["target_host"], "namespace": namespace}


def _complain(message: str) -> int:
    sys.stderr.write(f"runs-fleet api: {message}\n")
    return 2


if __name__ == "__main__":
    main()
