"""What EC2 and SSM let an account call.

Each of EC2's actions has a bucket of its own for an account and region:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
SSM's calls share one, and the calls that write get less of it:
https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from botocore.exceptions import ClientError

from runs_fleet.aws.errors import THROTTLE, code_of
from runs_fleet.budget import Budget, Told, unheard
from runs_fleet.errors import RateLimited

LAUNCH_RATE = 2.0
# One less than EC2 allows: a call may be under way for longer than the next one.
LAUNCH_BURST = 4.0
# A thread may wait so long for its call; longer, and the call is better tried again later.
MOMENT = 0.5


def _launches(name: str, rate: float, told: Told) -> Budget:
    return Budget(name, burst=LAUNCH_BURST * rate / LAUNCH_RATE, rate=rate, told=told)


@dataclass(frozen=True)
class AwsBudgets:
    """One of each for a process: `launches` is CreateFleet's, `starts` is StartInstances'."""

    launches: Budget = field(default_factory=partial(_launches, "launches", LAUNCH_RATE, unheard))
    starts: Budget = field(default_factory=partial(_launches, "starts", LAUNCH_RATE, unheard))
    stops: Budget = field(default_factory=partial(Budget, "stops", burst=50, rate=5.0))
    tags: Budget = field(default_factory=partial(Budget, "tags", burst=100, rate=10.0))
    terminations: Budget = field(
        default_factory=partial(Budget, "terminations", burst=50, rate=5.0)
    )
    parameters: Budget = field(default_factory=partial(Budget, "parameters", burst=40, rate=20.0))

    @classmethod
    def of(cls, launch_rate: float, told: Told = unheard) -> Self:
        """Make those of an account that may launch so often a second."""
        return cls(
            launches=_launches("launches", launch_rate, told),
            starts=_launches("starts", launch_rate, told),
            stops=Budget("stops", burst=50, rate=5.0, told=told),
            tags=Budget("tags", burst=100, rate=10.0, told=told),
            terminations=Budget("terminations", burst=50, rate=5.0, told=told),
            parameters=Budget("parameters", burst=40, rate=20.0, told=told),
        )


@contextmanager
def out_of(budget: Budget) -> Iterator[None]:
    """Make a call out of a budget, and let it learn how that went. Raises RateLimited."""
    deadline = time.monotonic() + MOMENT
    while (wait := budget.take()) > 0:
        if time.monotonic() + wait > deadline:
            raise RateLimited(f"{budget.name} wait for their turn", after=wait + MOMENT)
        time.sleep(wait)
    try:
        yield
    except ClientError as error:
        if code_of(error) in THROTTLE:
            budget.throttled()
        raise
    budget.served()
