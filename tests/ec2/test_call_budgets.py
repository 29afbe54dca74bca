"""Calls that change something are made out of a budget, whoever makes them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from runs_fleet.aws.clients import clients
from runs_fleet.budget import Budget
from runs_fleet.errors import RateLimited
from runs_fleet.providers.ec2.budgets import AwsBudgets
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.provider import Manner
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.providers.ec2.standby import Standby, StandbyQueues
from runs_fleet.providers.ec2.warm import WarmEc2
from tests.ec2.servers import session
from tests.ec2.stubs import FixedCatalog

MACHINE = "i-0123456789abcdef0"
REPORTS = "https://sqs.eu-central-1.amazonaws.com/123456789012/reports"


class Account:
    """An account of which a worker has used up what it may change; EC2 only tells."""

    def __init__(self) -> None:
        self.aws = clients(session())
        self.script = Stubber(self.aws.ec2)
        self.tags, self.terminations = spent("tags"), spent("terminations")
        manner = Manner(budgets=AwsBudgets(tags=self.tags, terminations=self.terminations))
        site = Site(templates={"arm64": "lt-1"}, subnets=("subnet-a",))
        launching = Launching(self.aws.ec2, site, catalog=FixedCatalog(), manner=manner)
        queues = StandbyQueues(self.aws.sqs, fleet=site.fleet, reports=REPORTS)
        standby = Standby(
            SsmConfigStore(self.aws.ssm, "/p"), queues, report_secret="s" * 32, reports=REPORTS
        )
        self.warm = WarmEc2(launching, standby)
        self.inventory = Ec2Inventory(self.aws.ec2, self.aws.ssm, "/p").sharing(self.terminations)

    def shows(self, state: str) -> None:
        """Answer the next look at machines."""
        found = {
            "InstanceId": MACHINE,
            "State": {"Name": state},
            "LaunchTime": datetime.now(UTC),
            "Tags": [],
        }
        self.script.add_response("describe_instances", {"Reservations": [{"Instances": [found]}]})


def spent(name: str) -> Budget:
    budget = Budget(name, burst=1, rate=0.01)
    budget.take()
    return budget


@pytest.fixture
def account() -> Iterator[Account]:
    scripted = Account()
    with scripted.script:
        yield scripted
        scripted.script.assert_no_pending_responses()


def test_a_mark_waits_for_its_turn(account: Account) -> None:
    account.shows("running")
    with pytest.raises(RateLimited, match="tags wait"):
        account.warm.take(MACHINE, runner="runs-fleet-1-1", start=False)


def test_a_members_end_waits_for_its_turn(account: Account) -> None:
    with pytest.raises(RateLimited, match="terminations wait"):
        account.warm.remove("default-abc123-000001", MACHINE)


def test_the_end_of_a_member_that_has_to_be_found_waits_for_its_turn(account: Account) -> None:
    account.shows("running")
    with pytest.raises(RateLimited, match="terminations wait"):
        account.warm.remove("default-abc123-000001", None)


def test_a_sweep_waits_for_its_turn(account: Account) -> None:
    with pytest.raises(RateLimited, match="terminations wait"):
        account.inventory.terminate(MACHINE)


def test_a_throttled_call_cuts_the_budget(account: Account) -> None:
    budget = Budget("terminations", burst=2, rate=4.0)
    inventory = account.inventory.sharing(budget)
    account.script.add_client_error("terminate_instances", "RequestLimitExceeded")
    with pytest.raises(RateLimited):
        inventory.terminate(MACHINE)
    assert budget.rate == 2.0
