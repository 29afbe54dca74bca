"""What the doctor says of an AWS account that lacks one thing."""

import itertools
from typing import Any

import pytest

from cli.checks import buying, ec2, queues
from cli.checks.ec2 import Site
from cli.checks.findings import Look
from runs_fleet.aws.clients import Clients
from runs_fleet.providers.ec2 import site as sites
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.settings import Ec2Settings, load_worker
from simulator.aws.client import AwsWorld
from simulator.aws.models import Fault
from tests.doctor.conftest import Doctor, Environ, found
from tests.ec2.orders import order
from tests.test_settings import WORKER

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

NUMBERS = itertools.count(1)
LOOKS: list[Look[Site]] = [*ec2.CHECKS.values(), *buying.CHECKS.values(), *queues.CHECKS.values()]
WHOLE = {
    "InstanceInitiatedShutdownBehavior": "terminate",
    "IamInstanceProfile": {"Name": "runs-fleet-agent"},
    "UserData": "IyEvYmluL3No",
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
}


def site(account: Clients, aws: AwsWorld, **changed: str) -> Site:
    """Our account, as it is or with other variables; an empty one is left out."""
    prefixed = {f"RUNS_FLEET_{name}": value for name, value in changed.items()}
    loaded = load_worker({**WORKER, **aws.set_up().env(), **prefixed})
    assert isinstance(loaded, Ec2Settings)
    return Site(account, loaded)


def template(account: Clients, aws: AwsWorld, **changed: Any) -> str:
    """Make a template of an arm64 image, whole but for what is changed."""
    versions = account.ec2.describe_launch_template_versions(
        LaunchTemplateId=aws.set_up().launch_template_arm64, Versions=["$Default"]
    )
    image = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"]
    data = {**WHOLE, "ImageId": image, **changed}
    given: Any = {name: value for name, value in data.items() if value is not None}
    made = account.ec2.create_launch_template(
        LaunchTemplateName=f"doctor-{next(NUMBERS)}", LaunchTemplateData=given
    )
    return made["LaunchTemplate"]["LaunchTemplateId"]


def queue(account: Clients, **attributes: str) -> str:
    name = f"doctor-{next(NUMBERS)}" + (".fifo" if "FifoQueue" in attributes else "")
    wanted: dict[Any, str] = {**attributes}
    return account.sqs.create_queue(QueueName=name, Attributes=wanted)["QueueUrl"]


@pytest.mark.parametrize("look", LOOKS)
async def test_a_whole_account_is_well(account: Clients, aws: AwsWorld, look: Look[Site]) -> None:
    finding = await found(look, site(account, aws))
    assert (finding.status, finding.cure) == ("ok", "")


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({}, "ok", "there for"),
        ({"IamInstanceProfile": None}, "warning", "no instance profile"),
        ({"UserData": None}, "warning", "no user data"),
        ({"InstanceInitiatedShutdownBehavior": None}, "warning", "stopped, not terminated"),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, "warning", "IMDSv2 is not required"),
        (
            {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}},
            "warning",
            "containers reach",
        ),
        ({"ImageId": None, "InstanceType": "c7g.large"}, "failed", "names no image"),
        ({"ImageId": "ami-0123456789abcdef0"}, "failed", "ami-0123456789abcdef0"),
    ],
)
async def test_what_a_launch_template_lacks_is_named(
    account: Clients, aws: AwsWorld, changed: dict[str, Any], status: str, words: str
) -> None:
    made = template(account, aws, **changed)
    here = site(account, aws, EC2_LAUNCH_TEMPLATE_ARM64=made)
    finding = await found(ec2.launch_templates, here)
    assert (finding.status, words in finding.said) == (status, True)


@pytest.mark.parametrize("name", ["lt-0123456789abcdef0", "runs-fleet-arm64:99", "no-such-name"])
async def test_a_launch_template_that_is_not_there_is_named(
    account: Clients, aws: AwsWorld, name: str
) -> None:
    here = site(account, aws, EC2_LAUNCH_TEMPLATE_ARM64=name)
    finding = await found(ec2.launch_templates, here)
    assert finding.status == "failed"
    assert name.partition(":")[0] in finding.said


async def test_an_image_of_another_architecture_is_named(account: Clients, aws: AwsWorld) -> None:
    other = aws.set_up().launch_template_amd64
    here = site(account, aws, EC2_LAUNCH_TEMPLATE_ARM64=other)
    finding = await found(ec2.launch_templates, here)
    assert (finding.status, "is for x86_64" in finding.said) == ("failed", True)


@pytest.mark.parametrize("action", ["CreateQueue", "DeleteQueue", "SendMessage", "ListQueues"])
async def test_rights_that_only_pools_need_are_warned_of(
    account: Clients, aws: AwsWorld, action: str
) -> None:
    aws.fault(Fault(action=action, kind="error", code="AccessDenied", status=403))
    finding = await found(queues.standby_queues, site(account, aws))
    assert (finding.status, action in finding.said) == ("warning", True)


async def test_subnets_that_are_not_one_a_zone_are_warned_of(
    account: Clients, aws: AwsWorld
) -> None:
    setup = aws.set_up()
    one = setup.subnets[0]
    twice = f"{one},{setup.private_subnets[0]}"
    doubled = await found(ec2.subnets, site(account, aws, EC2_SUBNETS=twice))
    alone = await found(ec2.subnets, site(account, aws, EC2_SUBNETS=one))
    assert (doubled.status, "only the first is used" in doubled.said) == ("warning", True)
    assert (alone.status, "only one zone has a subnet" in alone.said) == ("warning", True)


async def test_a_subnet_that_is_not_there_fails(account: Clients, aws: AwsWorld) -> None:
    here = site(account, aws, EC2_SUBNETS="subnet-0123456789abcdef0")
    finding = await found(ec2.subnets, here)
    assert (finding.status, "InvalidSubnetID.NotFound" in finding.said) == ("failed", True)


@pytest.mark.parametrize(
    ("families", "status", "words"),
    [
        ("c7g", "ok", "1 families"),
        ("c7g,c99g", "warning", "c99g is sold in none"),
        ("c99g", "failed", "c99g: not sold"),
    ],
)
async def test_families_that_are_not_sold_here_are_named(
    account: Clients, aws: AwsWorld, families: str, status: str, words: str
) -> None:
    finding = await found(ec2.instance_types, site(account, aws, EC2_FAMILIES=families))
    assert (finding.status, words in finding.said) == (status, True)


@pytest.mark.parametrize("action", ["CreateFleet", "RunInstances"])
async def test_what_may_not_be_bought_is_named(
    account: Clients, aws: AwsWorld, action: str
) -> None:
    aws.fault(Fault(action=action, kind="error", code="UnauthorizedOperation", status=403, times=2))
    finding = await found(buying.launch_permission, site(account, aws))
    assert (finding.status, "UnauthorizedOperation" in finding.said) == ("failed", True)
    assert "the-workers-policy" in finding.cure


async def test_nothing_is_bought(account: Clients, aws: AwsWorld) -> None:
    before = len(aws.machines())
    await found(buying.launch_permission, site(account, aws))
    assert len(aws.machines()) == before


@pytest.mark.parametrize(
    ("action", "words"), [("PutParameter", "write"), ("DeleteParameter", "which was written")]
)
async def test_a_parameter_store_that_refuses_us_fails(
    account: Clients, aws: AwsWorld, action: str, words: str
) -> None:
    aws.fault(Fault(action=action, kind="error", code="AccessDeniedException", status=400))
    finding = await found(ec2.parameter_store, site(account, aws))
    assert (finding.status, words in finding.said) == ("failed", True)
    assert "AccessDeniedException" in finding.said


async def test_the_parameter_that_was_written_is_gone_again(
    account: Clients, aws: AwsWorld
) -> None:
    await found(ec2.parameter_store, site(account, aws, EC2_SSM_PREFIX="/doctor/alone"))
    held = aws.books().parameters
    ours = [each for name, each in held.items() if name.startswith("/doctor/alone/")]
    assert [(each.written, each.there) for each in ours] == [(1, False)]


async def test_other_fleets_are_told_of(account: Clients, aws: AwsWorld) -> None:
    setup = aws.set_up()
    place = sites.Site(
        templates={"arm64": setup.launch_template_arm64}, subnets=setup.subnets, fleet="blue"
    )
    Ec2Provider(account.ec2, place).create(order())
    finding = await found(ec2.fleets, site(account, aws))
    assert "the fleet 'blue' has 1" in finding.said


@pytest.mark.parametrize(
    ("attributes", "status", "words"),
    [
        ({"FifoQueue": "true"}, "warning", "no dead-letter queue"),
        ({"FifoQueue": "true", "VisibilityTimeout": "5"}, "warning", "visibility timeout of 5 s"),
        ({}, "warning", "not FIFO"),
    ],
)
async def test_what_a_queue_lacks_is_named(
    account: Clients, aws: AwsWorld, attributes: dict[str, str], status: str, words: str
) -> None:
    made = queue(account, **attributes)
    finding = await found(queues.reports_queue, site(account, aws, EC2_REPORTS_QUEUE_URL=made))
    assert (finding.status, words in finding.said) == (status, True)


async def test_a_queue_that_is_not_there_fails(account: Clients, aws: AwsWorld) -> None:
    url = f"{aws.url}/123456789012/never-was.fifo"
    finding = await found(queues.reports_queue, site(account, aws, EC2_REPORTS_QUEUE_URL=url))
    assert (finding.status, "there is no queue" in finding.said) == ("failed", True)


@pytest.mark.parametrize(
    ("look", "variable"),
    [(queues.events_queue, "EC2_EVENTS_QUEUE_URL"), (queues.spool_queue, "EC2_SPOOL_QUEUE_URL")],
)
async def test_a_queue_that_is_left_out_is_warned_of(
    account: Clients, aws: AwsWorld, look: Look[Site], variable: str
) -> None:
    finding = await found(look, site(account, aws, **{variable: ""}))
    assert (finding.status, variable in finding.said) == ("warning", True)


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "ExpiredToken"])
async def test_credentials_that_aws_refuses_are_named(
    doctor: Doctor, environ: Environ, aws: AwsWorld, code: str
) -> None:
    aws.fault(Fault(action="GetCallerIdentity", kind="error", code=code, status=403))
    told = await doctor(environ)
    assert code in told.found["AWS credentials"]["said"]
    assert (told.status, told.found["subnets"]["status"]) == (2, "skipped")


async def test_without_a_region_it_says_which_variable_is_missing(
    doctor: Doctor, environ: Environ
) -> None:
    missing = dict.fromkeys(("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"))
    told = await doctor({**environ, **missing})
    assert told.found["AWS credentials"]["status"] == "failed"
    assert "AWS_DEFAULT_REGION" in told.found["AWS credentials"]["cure"]
