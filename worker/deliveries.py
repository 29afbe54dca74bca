"""Finds the lifecycle or the pool that a queue message speaks of, and signals it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names, reports
from runs_fleet.models import MachineEvent, Mode
from runs_fleet.ports import Message
from worker.relay import Poison
from workflows import attributes
from workflows.pool_manager import PoolManager
from workflows.runner_lifecycle import RunnerLifecycle

# The end of a machine is no news where the job has succeeded: all machines end.
UNDECIDED = f"{attributes.CONCLUSION.name} IS NULL"
CARES = f'ExecutionStatus="Running" AND ({UNDECIDED} OR {attributes.CONCLUSION.name}!="success")'
CALL_LIMIT = timedelta(seconds=10)
MACHINE_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


class ReportDeliveries:
    """Brings agents' reports to the lifecycles that made their runners, or to their pools."""

    def __init__(self, temporal: Client, *, secret: str, mode: Mode = "ec2") -> None:
        self._temporal, self._secret, self._mode = temporal, secret, mode

    async def __call__(self, message: Message) -> str:
        """Check whose report it is, and signal its owner. Raises Poison."""
        try:
            report = reports.opened(message.body, secret=self._secret)
        except reports.Forged as error:
            raise Poison(str(error)) from error
        if (pooled := names.pool_of(report.runner)) is not None:
            manager = names.pool(self._mode, pooled[0])
            return await _signal(self._temporal, manager, PoolManager.report, report)
        owner = names.owner(report.runner)
        if owner is None:
            raise Poison(f"{report.runner!r} is no runner of ours")
        workflow_id = names.lifecycle(owner[0])
        return await _signal(self._temporal, workflow_id, RunnerLifecycle.report, report)


class MachineDeliveries:
    """Brings the cloud's events to the lifecycle whose machine they are about.

    The owner is found by search attribute, so that the end of every machine does not cost a
    DescribeInstances call; a lifecycle that has ended needs no news of its machine.
    """

    def __init__(self, temporal: Client, read: Callable[[str], MachineEvent | None]) -> None:
        self._temporal, self._read = temporal, read

    async def __call__(self, message: Message) -> str:
        """Read the event, and signal whoever still has the machine. Raises Poison."""
        try:
            event = self._read(message.body)
        except ValueError as error:
            raise Poison(str(error)) from error
        if event is None:
            return "ignored"
        if not MACHINE_ID.issuperset(event.machine_id):
            raise Poison(f"{event.machine_id!r} is no machine id")
        query = f'{attributes.MACHINE.name}="{event.machine_id}" AND {CARES}'
        result = "unknown"
        async for found in self._temporal.list_workflows(query, rpc_timeout=CALL_LIMIT):
            result = await _signal(self._temporal, found.id, RunnerLifecycle.machine_event, event)
        return result


async def _signal(temporal: Client, workflow_id: str, signal: Any, content: Any) -> str:
    """Signal a workflow; one that has ended, or never was, does not care."""
    handle = temporal.get_workflow_handle(workflow_id)
    try:
        await handle.signal(signal, content, rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return "unknown"
    return "signalled"
