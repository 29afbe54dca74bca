"""`runs-fleet worker`: waits for Temporal and its cloud, serves lifecycles, drains on SIGTERM."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import uvloop
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkerDeploymentConfig

from runs_fleet import logs
from runs_fleet.errors import FleetError, Refused
from runs_fleet.settings import BadSettings, Ec2Settings, K8sSettings, load_worker
from runs_fleet.settings.worker import WorkerSettings
from worker import readiness, schedules, serving, wiring
from workflows import attributes
from workflows.payloads import DATA_CONVERTER

DEFAULT_ADDRESS = "localhost:7233"
FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
CONNECT_LIMIT = 10
NOT_ALLOWED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)

log = logging.getLogger(__name__)
T = TypeVar("T")


def main() -> None:
    """Run until SIGTERM or SIGINT; wrong settings end it at once with status 2."""
    try:
        settings = load_worker(os.environ)
        version = serving.deployment(os.environ)
        address = ClientConfig.load_client_connect_config()
        address.setdefault("target_host", DEFAULT_ADDRESS)
    except BadSettings as error:
        sys.exit(_complain(str(error)))
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(_complain(f"the Temporal settings cannot be read: {error}"))
    readiness.clear(settings.ready_file)
    logs.configure(settings.log_format, settings.log_level)
    # The facts are fields already; the SDK would write them into the message as well.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    try:
        uvloop.run(serve(settings, address, version=version))
    except Refused as error:
        sys.exit(_complain(str(error)))
    log.info("stopped")
    sys.stderr.flush()
    # The SDK's threads can abort a clean exit: https://github.com/temporalio/sdk-python/issues/300
    os._exit(0)


async def serve(
    settings: Ec2Settings | K8sSettings,
    address: ClientConnectConfig,
    *,
    version: WorkerDeploymentConfig | None = None,
) -> None:
    """Wait for what is not there yet, then serve until asked to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runtime = _runtime(settings)
    client = await _waited(stop, "temporal", lambda: _connected(address, runtime))
    if client is None:
        return
    log.info("connected to temporal", extra={"address": address["target_host"]})
    wired = wiring.wire(settings, client, runtime, region=os.environ.get("AWS_REGION"))
    if await _waited(stop, wired.cloud, lambda: _warmed(wired)):
        with ThreadPoolExecutor(settings.max_activities, "activity") as threads:
            worker = serving.worker(
                client,
                wired.task_queue,
                activities=wired.activities,
                executor=threads,
                version=version,
            )
            await _work(client, wired, worker, stop=stop, ready_file=settings.ready_file)


async def _waited(stop: asyncio.Event, what: str, attempt: Callable[[], Awaitable[T]]) -> T | None:
    """Try until it works, and say what is waited for; None when asked to stop meanwhile."""
    wait = FIRST_WAIT
    while not stop.is_set():
        try:
            return await asyncio.wait_for(attempt(), CONNECT_LIMIT)
        except (FleetError, RPCError, RuntimeError, OSError) as error:
            facts = {"reason": str(error) or type(error).__name__, "again_in": wait}
            log.warning(f"waiting for {what}", extra=facts)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
        wait = min(2 * wait, LONGEST_WAIT)
    return None


async def _connected(address: ClientConnectConfig, runtime: Runtime) -> Client:
    client = await Client.connect(**address, data_converter=DATA_CONVERTER, runtime=runtime)
    try:
        await attributes.ensure(client)
    except RPCError as error:
        if error.status not in NOT_ALLOWED:
            raise
        log.warning("search attributes not registered", extra={"reason": error.message})
    return client


async def _warmed(wired: wiring.Wired) -> bool:
    """Look up what the first job would otherwise wait for."""
    await asyncio.to_thread(wired.warm_up)
    return True


async def _work(
    client: Client,
    wired: wiring.Wired,
    worker: Worker,
    *,
    stop: asyncio.Event,
    ready_file: Path | None,
) -> None:
    """Serve the task queue and relay messages; a relay that breaks ends the process."""
    async with worker, asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in wired.carriers]
        keeping = schedules.keep(client, wired.sweep, wired.sweep_interval)
        tasks.append(group.create_task(keeping))
        log.info("serving", extra=_facts(worker))
        with readiness.shown(ready_file):
            await stop.wait()
        log.info("draining", extra={"at_most": str(serving.GRACE)})
        for task in tasks:
            task.cancel()
    await asyncio.gather(*(each.close() for each in wired.carriers))


def _facts(worker: Worker) -> dict[str, str]:
    deployment = worker.config().get("deployment_config")
    version = deployment.version.to_canonical_string() if deployment else "unversioned"
    return {"task_queue": worker.task_queue, "version": version}


def _runtime(settings: WorkerSettings) -> Runtime:
    """Show Temporal's metrics and ours on one endpoint, if on any."""
    if settings.metrics_port is None:
        return Runtime(telemetry=TelemetryConfig())
    address = f"{settings.metrics_host}:{settings.metrics_port or _free_port()}"
    metrics = PrometheusConfig(bind_address=address, durations_as_seconds=True)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    log.info("metrics", extra={"url": f"http://{address}/metrics"})
    return runtime


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _complain(message: str) -> int:
    sys.stderr.write(f"runs-fleet worker: {message}\n")
    return 2


if __name__ == "__main__":
    main()
