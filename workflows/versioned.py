"""Workflows as a versioned worker registers them: lifecycles stay with a build, others move on.

`versioning_behavior=` in the definition that an unversioned worker registers as well would have
the server reject each of its tasks, so here are second definitions under the same names.
https://docs.temporal.io/production-deployment/worker-deployments/worker-versioning
"""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from runs_fleet.census import SweepReport, SweepRequest
    from runs_fleet.market import MarketState
    from runs_fleet.pools.state import PoolState
    from workflows.market_watch import MarketWatch
    from workflows.pool_manager import PoolManager
    from workflows.sweep import Sweep


@workflow.defn(name="Sweep", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingSweep(Sweep):
    """A sweep goes on with the current build: one held by a build that is gone blocks the next."""

    @workflow.run
    async def run(self, request: SweepRequest) -> SweepReport:
        """Sweep once."""
        return await super().run(request)


@workflow.defn(name="MarketWatch", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingMarketWatch(MarketWatch):
    """The market is watched for ever, so by the current build."""

    @workflow.run
    async def run(self, state: MarketState) -> None:
        """Watch the market."""
        await super().run(state)


@workflow.defn(name="PoolManager", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingPoolManager(PoolManager):
    """A pool is kept for ever, so by the current build."""

    @workflow.init
    def __init__(self, state: PoolState) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: PoolState) -> None:
        """Keep the pool."""
        await super().run(state)
