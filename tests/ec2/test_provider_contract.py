"""What the EC2 provider does, against a server that speaks EC2."""

import pytest
from types_boto3_ec2.type_defs import InstanceTypeDef, RequestLaunchTemplateDataTypeDef

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import Refused
from runs_fleet.models import Market, Rung, RunnerSpec
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.own import OwnMachine
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.providers.ec2.site import Grounds, Site
from tests.ec2.conftest import Place
from tests.ec2.orders import ON_DEMAND, SPOT, order

ABSENT = "i-0123456789abcdef0"


def instance(aws: Clients, machine_id: str) -> InstanceTypeDef:
    return aws.ec2.describe_instances(InstanceIds=[machine_id])["Reservations"][0]["Instances"][0]


@pytest.mark.parametrize("rung", [SPOT, ON_DEMAND])
def test_an_order_becomes_a_machine_of_its_market(
    provider: Ec2Provider, aws: Clients, rung: Rung
) -> None:
    made = provider.create(order(rung=rung))
    raw = instance(aws, made.machine_id)
    assert made.market is rung.market
    assert (made.machine_type, made.zone) == (
        raw["InstanceType"],
        raw["Placement"]["AvailabilityZone"],
    )
    assert (raw.get("InstanceLifecycle") == "spot") is (rung.market is Market.SPOT)


def test_a_machine_says_whose_it_is(provider: Ec2Provider, aws: Clients) -> None:
    asked = order(repo="acme/" + "x" * 400)
    made = provider.create(asked)
    tags = {tag["Key"]: tag["Value"] for tag in instance(aws, made.machine_id)["Tags"]}
    assert {key: value for key, value in tags.items() if not key.startswith("aws:")} == {
        "Name": asked.runner,
        "runs-fleet:runner": asked.runner,
        "runs-fleet:token": asked.token,
        "runs-fleet:job-id": str(asked.job_id),
        "runs-fleet:attempt": "1",
        "runs-fleet:workflow-id": f"job-{asked.job_id}",
        "runs-fleet:repo": asked.repo[:256],
        "runs-fleet:fleet": "default",
        "runs-fleet:managed": "true",
    }


def test_a_private_job_gets_a_private_subnet(
    provider: Ec2Provider, aws: Clients, place: Place
) -> None:
    made = provider.create(order(spec=RunnerSpec(arch="arm64", private=True)))
    assert instance(aws, made.machine_id)["SubnetId"] in place.private


def test_without_private_subnets_a_private_job_is_refused(
    aws: Clients, place: Place, catalog: InstanceCatalog
) -> None:
    site = Site(templates=place.site.templates, subnets=place.public)
    with pytest.raises(Refused, match="private subnets"):
        Ec2Provider(aws.ec2, site, catalog=catalog).create(
            order(spec=RunnerSpec(arch="arm64", private=True))
        )


def test_an_arch_without_a_launch_template_is_refused(
    aws: Clients, place: Place, catalog: InstanceCatalog
) -> None:
    site = Site(templates={"amd64": place.site.templates["amd64"]}, subnets=place.public)
    with pytest.raises(Refused, match="no launch template for arch arm64"):
        Ec2Provider(aws.ec2, site, catalog=catalog).create(order())


def test_a_missing_launch_template_is_refused_by_name(
    aws: Clients, place: Place, catalog: InstanceCatalog
) -> None:
    site = Site(templates={"arm64": "nowhere"}, subnets=place.public)
    with pytest.raises(Refused, match="launch template 'nowhere'"):
        Ec2Provider(aws.ec2, site, catalog=catalog).warm_up()


@pytest.mark.parametrize("arch", ["arm64", "amd64", None])
def test_a_disk_of_any_size_can_be_asked_for(provider: Ec2Provider, arch: str | None) -> None:
    spec = RunnerSpec.model_validate({"arch": arch, "disk": 200})
    assert provider.create(order(spec=spec)).machine_id


@pytest.mark.parametrize("by_id", [True, False])
def test_a_terminated_machine_is_gone(provider: Ec2Provider, by_id: bool) -> None:
    asked = order()
    made = provider.create(asked)
    assert provider.terminate(asked.runner, made.machine_id if by_id else None)
    status = provider.describe([made.machine_id])[0]
    assert (status.state, status.runner) == ("gone", asked.runner)


def test_terminating_by_name_takes_every_machine_of_the_runner(
    provider: Ec2Provider, aws: Clients
) -> None:
    asked = order()
    first = provider.create(asked)
    second = provider.create(asked.model_copy(update={"token": f"{asked.runner}-2"}))
    assert provider.terminate(asked.runner)
    states = {each.state for each in provider.describe([first.machine_id, second.machine_id])}
    assert states == {"gone"}


def test_terminating_twice_is_a_success(provider: Ec2Provider) -> None:
    asked = order()
    made = provider.create(asked)
    seen = [provider.terminate(asked.runner, made.machine_id) for _ in range(2)]
    assert seen == [True, True]
    assert provider.terminate(asked.runner)


def test_terminating_what_never_was_says_that_none_was_seen(provider: Ec2Provider) -> None:
    assert not provider.terminate("runs-fleet-1-1")
    assert not provider.terminate("runs-fleet-1-1", ABSENT)


def test_an_unknown_id_falls_back_to_the_runners_name(provider: Ec2Provider) -> None:
    asked = order()
    made = provider.create(asked)
    assert provider.terminate(asked.runner, ABSENT)
    assert provider.describe([made.machine_id])[0].state == "gone"


def test_unknown_machines_are_left_out_of_a_description(provider: Ec2Provider) -> None:
    asked = order()
    made = provider.create(asked)
    found = provider.describe([ABSENT, made.machine_id])
    assert [(each.machine_id, each.runner) for each in found] == [(made.machine_id, asked.runner)]
    assert found[0].state in {"pending", "running"}


def test_a_runners_machines_are_found_by_its_name(provider: Ec2Provider) -> None:
    asked = order()
    made = provider.create(asked)
    provider.terminate(asked.runner)
    assert [(each.machine_id, each.state, each.taken) for each in provider.find(asked.runner)] == [
        (made.machine_id, "gone", False)
    ]
    assert provider.find("runs-fleet-1-1") == []


def test_nothing_asked_is_nothing_described(provider: Ec2Provider) -> None:
    assert provider.describe([]) == []


def test_a_machine_can_end_itself(provider: Ec2Provider, aws: Clients) -> None:
    made = provider.create(order())
    OwnMachine(aws.ec2).terminate(made.machine_id)
    assert provider.describe([made.machine_id])[0].state == "gone"


def test_the_catalog_is_ec2s_own_data(catalog: InstanceCatalog) -> None:
    found = {each.name: each for each in catalog.types()}["c8g.large"]
    assert (found.vcpus, found.memory_mib, found.arch, found.spot) == (2, 4096, "arm64", True)
    assert {"us-east-1a", "us-east-1b"} <= found.zones
    assert not [each.name for each in catalog.types() if each.name.endswith(".metal")]


def test_a_template_is_launched_by_the_number_of_its_default_version(
    aws: Clients, place: Place
) -> None:
    name = "moving"
    data: RequestLaunchTemplateDataTypeDef = {"ImageId": place.image_id}
    aws.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    aws.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=data)
    aws.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion="2")
    site = Site(templates={"arm64": name, "amd64": f"{name}:1"}, subnets=place.public)
    found = Grounds(aws.ec2, site).templates()
    assert (found["arm64"].version, found["amd64"].version) == ("2", "1")


def test_the_first_subnet_of_a_zone_counts(aws: Clients, place: Place) -> None:
    found = Grounds(aws.ec2, place.site).subnets(private=False)
    assert tuple(each.subnet_id for each in found) == place.public
