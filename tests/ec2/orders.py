"""Orders for tests; each has a runner of its own."""

from itertools import count

from runs_fleet import names
from runs_fleet.models import MachineOrder, Market, Rung, RunnerSpec

SPOT = Rung(market=Market.SPOT)
ON_DEMAND = Rung(market=Market.ON_DEMAND)
_jobs = count(1000)


def order(*, spec: RunnerSpec | None = None, rung: Rung = SPOT, repo: str = "o/r") -> MachineOrder:
    job = next(_jobs)
    runner = names.runner(job, 1)
    return MachineOrder(
        runner=runner,
        token=names.token(runner, 1),
        job_id=job,
        attempt=1,
        repo=repo,
        spec=spec or RunnerSpec(arch="arm64"),
        rung=rung,
    )
