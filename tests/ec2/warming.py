"""Pools' members for tests: where they stand by, orders for them, and waiting for their states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from runs_fleet import names
from runs_fleet.aws.clients import Clients
from runs_fleet.budget import Budget
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.wire import MemberLaunched, MemberOrder
from runs_fleet.providers.ec2.budgets import AwsBudgets
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.provider import Manner
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.providers.ec2.standby import Standby, StandbyQueues
from runs_fleet.providers.ec2.warm import WarmEc2
from simulator.aws.client import AwsWorld
from simulator.aws.models import State
from tests.ec2.conftest import Place
from tests.ec2.servers import Server
from tests.simulator.waiting import until

SECRET = "fleet-secret"
PREFIX = "/runs-fleet/runners"
# In the order of their numbers, members are told apart by the whole test session.
_numbers = count(1)
_jobs = count(7_000_000)


def member_order(
    *, pool: str = "default", spec: RunnerSpec | None = None, spec_hash: str = "abc"
) -> MemberOrder:
    member = names.member(pool, "abc123", next(_numbers))
    return MemberOrder(
        pool=pool,
        member=member,
        token=names.token(member, 1),
        spec=spec or RunnerSpec(arch="arm64"),
        spec_hash=spec_hash,
        idle_limit=timedelta(hours=2),
    )


def a_runner() -> str:
    return names.runner(next(_jobs), 1)


@dataclass
class Yard:
    """An account with pools in it; `process` makes what another worker would have."""

    aws: Clients
    world: AwsWorld
    site: Site
    catalog: InstanceCatalog
    reports: str

    def __post_init__(self) -> None:
        plenty = Budget("parameters", burst=1000.0, rate=1000.0)
        self.configs = SsmConfigStore(self.aws.ssm, PREFIX, budget=plenty)
        self.queues = StandbyQueues(self.aws.sqs, fleet=self.site.fleet, reports=self.reports)
        self.warm = self.process()

    def process(self, *, launches: float = 1000.0) -> WarmEc2:
        """Make what another worker has, with a budget for so many launches at once."""
        standby = Standby(self.configs, self.queues, report_secret=SECRET, reports=self.reports)
        budget = Budget("launches", burst=launches, rate=launches / 1000)
        manner = Manner(budgets=AwsBudgets(launches=budget))
        return WarmEc2(
            Launching(self.aws.ec2, self.site, catalog=self.catalog, manner=manner), standby
        )

    def running(self, *, pool: str = "default") -> MemberLaunched:
        made = self.warm.launch(member_order(pool=pool))
        self.wait_for(made.machine.machine_id, "running")
        return made

    def stopped(self, number: int = 1) -> list[str]:
        """Launch members and stop them."""
        ids = [self.warm.launch(member_order()).machine.machine_id for _ in range(number)]
        for machine_id in ids:
            self.wait_for(machine_id, "running")
            self.warm.stop(machine_id)
        for machine_id in ids:
            self.wait_for(machine_id, "stopped")
        return ids

    def wait_for(self, machine_id: str, state: State) -> None:
        until(lambda: self.state(machine_id) == state)

    def state(self, machine_id: str) -> State:
        return self.world.machine(machine_id).state

    def tags(self, machine_id: str) -> dict[str, str]:
        found = self.world.machine(machine_id).tags
        return {key: value for key, value in found.items() if not key.startswith("aws:")}

    def counted(self, action: str) -> Callable[[], int]:
        """Count this action's calls from here on."""
        before = self.world.books().count(action)
        return lambda: self.world.books().count(action) - before


@pytest.fixture
def yard(
    aws: Clients, aws_endpoint: Server, place: Place, catalog: InstanceCatalog
) -> Iterator[Yard]:
    assert aws_endpoint.world is not None
    reports = aws.sqs.create_queue(QueueName="warm-reports")["QueueUrl"]
    world = aws_endpoint.world
    world.pull(boot_seconds=0.02, boot_spread=0.0, shutdown_seconds=0.02, stop_seconds=0.02)
    yield Yard(aws, world, place.site, catalog, reports)
    world.calm()
