"""The Temporal worker itself: what it registers, how it polls, and which build it says it is."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
)

from runs_fleet.settings import BadSettings
from worker.heartbeats import BEAT, Heartbeats
from workflows.market_watch import MarketWatch
from workflows.pool_manager import PoolManager
from workflows.runner_lifecycle import RunnerLifecycle
from workflows.sweep import Sweep
from workflows.versioned import UpgradingMarketWatch, UpgradingPoolManager, UpgradingSweep

# Longer than any activity's call, so that a deploy repeats nothing.
GRACE = timedelta(seconds=30)
STICKY_LIMIT = timedelta(seconds=2)
# What a worker takes in hand and does not get done in ten seconds, because it has too much in hand
# or because it died, waits for those. One process of Python works at little more than one at once.
WORKFLOW_TASKS = 20
# The names that Temporal's worker controller sets.
# https://github.com/temporalio/temporal-worker-controller
BUILD, DEPLOYMENT = "TEMPORAL_WORKER_BUILD_ID", "TEMPORAL_DEPLOYMENT_NAME"
DEFAULT_DEPLOYMENT = "runs-fleet"
# The server writes a version as `deployment:build` or `deployment.build`, and a worker whose
# deployment has one of these in its name polls in vain, without a word.
SEPARATORS = frozenset(".:")


def deployment(environ: Mapping[str, str]) -> WorkerDeploymentConfig | None:
    """Read which build of which deployment this is; None, and no versioning, without a build.

    Lifecycles stay with the build that began them. Raises BadSettings.
    """
    build, name = environ.get(BUILD, "").strip(), environ.get(DEPLOYMENT, "").strip()
    if not build and not name:
        return None
    mistakes = [f"{BUILD}: missing, though {DEPLOYMENT} is set"] if not build else []
    if SEPARATORS.intersection(name):
        mistakes.append(f"{DEPLOYMENT}: must hold no dot and no colon")
    if mistakes:
        raise BadSettings(mistakes)
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(name or DEFAULT_DEPLOYMENT, build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def worker(
    client: Client,
    task_queue: str,
    *,
    activities: Sequence[Callable[..., Any]],
    executor: ThreadPoolExecutor,
    version: WorkerDeploymentConfig | None = None,
) -> Worker:
    """Make the worker; left by its context, it finishes the calls that it has begun."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[
            RunnerLifecycle,
            UpgradingSweep if version else Sweep,
            UpgradingMarketWatch if version else MarketWatch,
            UpgradingPoolManager if version else PoolManager,
        ],
        activities=activities,
        activity_executor=executor,
        # The tests run the same workflows in the sandbox, where a breach of determinism shows;
        # here it would cost a third of the worker's time.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=executor._max_workers,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=STICKY_LIMIT,
        graceful_shutdown_timeout=GRACE,
        interceptors=[Heartbeats()],
        max_heartbeat_throttle_interval=BEAT,
        deployment_config=version,
    )
