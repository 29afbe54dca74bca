"""Replays as a worker would: same workflows, same data converter."""

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workflows.pool_manager import PoolManager
from workflows.runner_lifecycle import RunnerLifecycle
from workflows.sweep import Sweep


def replayer() -> Replayer:
    """Make a replayer for every workflow of ours."""
    return Replayer(
        workflows=[RunnerLifecycle, Sweep, PoolManager], data_converter=pydantic_data_converter
    )
