"""What a lifecycle of the model can reach: activities, and other lifecycles."""

from collections.abc import Mapping
from typing import Any, Protocol

from activities.runners import RunnerActivities
from activities.verdicts import verdicts
from runs_fleet import lending, tidings
from runs_fleet.ledger import Ledger
from runs_fleet.loans import LoanNews
from runs_fleet.models import JobEvent, MachineEvent
from runs_fleet.notices import Notice, Told
from runs_fleet.placed import Placed, Placement
from runs_fleet.pools.wire import PoolClaim, PoolLeave
from runs_fleet.releases import ReleaseRequest
from tests.model.chaos import Chaos
from tests.model.clock import Clock
from tests.model.cloud import Cloud
from tests.model.github import GitHub
from tests.model.warm import WarmCloud


class Borrower(Protocol):
    """Another job's lifecycle, as far as a lender sees it."""

    ended: bool

    def hear_lender(self, news: LoanNews) -> None: ...

    def hear_cloud(self, event: MachineEvent) -> None: ...


class Desk(Protocol):
    """A pool, as far as a lifecycle sees it."""

    def claim(self, claim: PoolClaim) -> bool: ...

    def leave(self, leave: PoolLeave) -> bool: ...


class Outside:
    """What a lifecycle's calls reach."""

    def __init__(self, clock: Clock, chaos: Chaos, github: GitHub, cloud: Cloud) -> None:
        self.clock, self.chaos, self.github, self.cloud = clock, chaos, github, cloud
        self.others: Mapping[int, Borrower] = {}
        self.asked = set[str]()
        self.warm = WarmCloud(cloud)
        self.pool: Desk | None = None
        self.runners = RunnerActivities(
            cloud, cloud, github, report_secret="s", reports_address="q"
        ).warming(self.warm)

    def place(self, wanted: Placement) -> Placed:
        """Make a runner; every call but the first of an order is a repeat, as Temporal tells."""
        token = wanted.order.token
        again = token in self.asked
        self.asked.add(token)
        return self.runners.place_runner(wanted).model_copy(update={"again": again})

    def release(self, request: ReleaseRequest) -> Any:
        self.cloud.force = request.force
        try:
            return self.runners.release_runner(request)
        finally:
            self.cloud.force = False

    def look_up(self, ledger: Ledger) -> JobEvent:
        request = ledger.request
        with verdicts():
            return self.github.job(request.scope, request.job_id)

    def rerun(self, ledger: Ledger) -> None:
        request = ledger.request
        with verdicts():
            self.github.rerun_job(request.scope, request.job_id)

    def lend(self, step: lending.Send) -> bool:
        """Signal another lifecycle; one that has ended, or never began, hears nothing."""
        other = self.others.get(step.to)
        if other is None or other.ended:
            return False
        other.hear_lender(step.news)
        return True

    def inform(self, step: tidings.Inform) -> bool:
        """Tell another lifecycle of the end of the machine that its job was on."""
        other = self.others.get(step.to)
        if other is None or other.ended:
            return False
        other.hear_cloud(step.event)
        return True

    def claim(self, claim: PoolClaim) -> bool:
        """Signal the pool; one that is not there hears nothing."""
        return self.pool is not None and self.pool.claim(claim)

    def leave(self, leave: PoolLeave) -> bool:
        """Tell the pool what goes."""
        return self.pool is not None and self.pool.leave(leave)

    def told(self, notice: Notice) -> Told:
        return Told(by="check_run")
