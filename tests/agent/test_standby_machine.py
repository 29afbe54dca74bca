"""A pool's member from its launch to its job: the real agent, on a machine of a simulated AWS."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from runs_fleet.aws.clients import Clients, clients
from runs_fleet.models import RunnerReport, RunnerSpec
from runs_fleet.pools.wire import MemberLaunched, MemberOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.providers.ec2.standby import Standby, StandbyQueues
from runs_fleet.providers.ec2.warm import WarmEc2
from runs_fleet.queues.sqs import SqsInbox
from runs_fleet.reports import key, opened
from simulator.aws.client import AwsWorld
from simulator.aws.models import AgentPlan, AwsConfig, Levers
from tests.agent import scripts
from tests.agent.fakes import MEMBER, RUNNER, SECRET, runner_config
from tests.simulator.waiting import until

# Machines are processes, and the first one waits for a world that starts slowly.
pytestmark = pytest.mark.timeout(240)
PATIENCE = 120.0
REGION = "us-east-1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsWorld]:
    runner = tmp_path_factory.mktemp("runner")
    scripts.install(runner, "touch started\n" + scripts.job("Succeeded"))
    levers = Levers(boot_seconds=0.05, boot_spread=0.0, shutdown_grace=2.0)
    with AwsWorld(AwsConfig(agent=AgentPlan(runner=str(runner)), levers=levers)) as made:
        yield made


class Pool(NamedTuple):
    """What a worker has to keep members with, and what it hears of them."""

    world: AwsWorld
    warm: WarmEc2
    configs: SsmConfigStore
    reports: str
    inbox: SqsInbox
    heard: list[RunnerReport]

    def launch(self, number: int) -> MemberLaunched:
        """Launch a member, and wait until it says that it stands by."""
        member = MEMBER.rpartition("-")[0] + f"-{number}"
        order = MemberOrder(
            pool="default",
            member=member,
            token=f"{member}-1",
            spec=RunnerSpec(arch="arm64"),
            spec_hash="abc",
            idle_limit=timedelta(hours=1),
        )
        made = self.warm.launch(order)
        self.hear(made, "standing_by")
        return made

    def give(self, made: MemberLaunched, config: RunnerConfig) -> None:
        """Hand a runner's config over, as the registration does."""
        self.configs.store(made.machine.machine_id, config)
        self.warm.wake(made.wake)

    def hear(self, made: MemberLaunched, kind: str, *, times: int = 1) -> None:
        """Wait until a machine has reported so often."""
        until(lambda: self._count(made, kind) >= times, within=PATIENCE)

    def state(self, made: MemberLaunched) -> str:
        return self.world.machine(made.machine.machine_id).state

    def _count(self, made: MemberLaunched, kind: str) -> int:
        messages = self.inbox.read()
        self.heard.extend(opened(each.body, secret=SECRET) for each in messages)
        self.inbox.ack([each.handle for each in messages])
        ours = (each for each in self.heard if each.machine_id == made.machine.machine_id)
        return sum(1 for each in ours if each.kind == kind)


@pytest.fixture(scope="module")
def pool(world: AwsWorld) -> Pool:
    setup = world.set_up()
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    aws: Clients = clients(session, endpoint=world.url)
    site = Site(templates={"arm64": setup.launch_template_arm64}, subnets=setup.subnets)
    configs = SsmConfigStore(aws.ssm, setup.ssm_prefix)
    reports = setup.reports_queue_url
    queues = StandbyQueues(aws.sqs, fleet=site.fleet, reports=reports)
    standby = Standby(configs, queues, report_secret=SECRET, reports=reports)
    launching = Launching(aws.ec2, site, catalog=InstanceCatalog(aws.ec2))
    inbox = SqsInbox(aws.sqs, reports, wait=1)
    return Pool(world, WarmEc2(launching, standby), configs, reports, inbox, [])


def config_of(pool: Pool, runner: str) -> RunnerConfig:
    """Write a runner's config that this world's agents can use."""
    return replace(
        runner_config(), runner=runner, report_key=key(SECRET, runner), reports=pool.reports
    )


def has_started(pool: Pool, made: MemberLaunched) -> bool:
    home = Path(pool.world.home) / "machines" / made.machine.machine_id
    return (home / "actions-runner" / "started").exists()


def test_a_hot_member_serves_when_it_is_called(pool: Pool) -> None:
    made = pool.launch(1)
    assert not has_started(pool, made)
    pool.give(made, config_of(pool, RUNNER))
    until(lambda: has_started(pool, made), within=PATIENCE)
    pool.hear(made, "finished")
    until(lambda: pool.state(made) == "terminated", within=PATIENCE)


def test_a_stopped_member_serves_when_it_is_started(pool: Pool) -> None:
    made, runner = pool.launch(2), "runs-fleet-8-1"
    pool.warm.stop(made.machine.machine_id)
    until(lambda: pool.state(made) == "stopped", within=PATIENCE)
    pool.warm.take(made.machine.machine_id, runner=runner, start=True)
    pool.give(made, config_of(pool, runner))
    pool.hear(made, "finished")
    until(lambda: pool.state(made) == "terminated", within=PATIENCE)


def test_a_member_that_is_asked_answers(pool: Pool) -> None:
    made = pool.launch(3)
    pool.warm.wake(made.wake)
    pool.hear(made, "standing_by", times=2)
    assert pool.warm.remove("", made.machine.machine_id)
