"""Orders for runners in a cluster, each with a job of its own."""

from itertools import count
from typing import Any

from runs_fleet import names
from runs_fleet.models import MachineOrder, Market, Rung, RunnerSpec

SPOT = Rung(market=Market.SPOT)
ON_DEMAND = Rung(market=Market.ON_DEMAND)
_jobs = count(1000)


def order(
    job: int | None = None, *, rung: Rung = SPOT, attempt: int = 1, repo: str = "o/r", **spec: Any
) -> MachineOrder:
    job_id = job or next(_jobs)
    runner = names.runner(job_id, attempt)
    return MachineOrder(
        runner=runner,
        token=names.token(runner, 1),
        job_id=job_id,
        attempt=attempt,
        repo=repo,
        labels=("runs-fleet", "linux"),
        spec=RunnerSpec.model_validate(spec),
        rung=rung,
    )
