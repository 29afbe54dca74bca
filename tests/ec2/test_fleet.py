"""The CreateFleet request, read whole."""

import pytest

from runs_fleet.market import Kind, Offer
from runs_fleet.models import Arch, Market, Rung, RunnerSpec
from runs_fleet.placement import InstanceType
from runs_fleet.providers.ec2.capacity import Avoided
from runs_fleet.providers.ec2.fleet import MOST_OVERRIDES, Choice, choices, fleet_request
from runs_fleet.providers.ec2.site import LaunchTemplate, RootVolume, Subnet
from tests.ec2.orders import ON_DEMAND, SPOT, order

A, B = Subnet("subnet-a", "z-a"), Subnet("subnet-b", "z-b")
BOTH = frozenset({"z-a", "z-b"})
C8G = InstanceType("c8g.large", 2, 4096, "arm64", zones=BOTH)
M8G = InstanceType("m8g.large", 2, 8192, "arm64", zones=frozenset({"z-a"}), spot=False)
C7A = InstanceType("c7a.large", 2, 4096, "amd64", zones=BOTH)
R8G = InstanceType("r8g.large", 2, 16384, "arm64", zones=BOTH)
NOTHING = Avoided()
C8G_PLACES = [("c8g.large", "z-a"), ("c8g.large", "z-b")]
R8G_PLACES = [("r8g.large", "z-a"), ("r8g.large", "z-b")]
C8G_SPOT, R8G_SPOT = Kind(Market.SPOT, "c8g.large"), Kind(Market.SPOT, "r8g.large")
IN_A, IN_B = (Offer(Market.SPOT, "c8g.large", zone) for zone in ("z-a", "z-b"))
TEMPLATES: dict[Arch, LaunchTemplate] = {
    "arm64": LaunchTemplate("lt-arm", "7"),
    "amd64": LaunchTemplate("lt-amd", "2"),
}


def test_the_whole_request() -> None:
    asked = order(repo="acme/shop").model_copy(
        update={"runner": "runs-fleet-5-1", "token": "runs-fleet-5-1-1", "job_id": 5}
    )
    tags = [
        {"Key": "Name", "Value": "runs-fleet-5-1"},
        {"Key": "runs-fleet:runner", "Value": "runs-fleet-5-1"},
        {"Key": "runs-fleet:token", "Value": "runs-fleet-5-1-1"},
        {"Key": "runs-fleet:job-id", "Value": "5"},
        {"Key": "runs-fleet:attempt", "Value": "1"},
        {"Key": "runs-fleet:workflow-id", "Value": "job-5"},
        {"Key": "runs-fleet:repo", "Value": "acme/shop"},
        {"Key": "runs-fleet:fleet", "Value": "default"},
        {"Key": "runs-fleet:managed", "Value": "true"},
    ]
    chosen = [Choice(C8G, A), Choice(C8G, B)]
    assert fleet_request(asked, chosen, templates=TEMPLATES, roots={}) == {
        "Type": "instant",
        "ClientToken": "runs-fleet-5-1-1",
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-arm", "Version": "7"},
                "Overrides": [
                    {"InstanceType": "c8g.large", "SubnetId": "subnet-a"},
                    {"InstanceType": "c8g.large", "SubnetId": "subnet-b"},
                ],
            }
        ],
        "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
        "TagSpecifications": [
            {"ResourceType": "fleet", "Tags": tags},
            {"ResourceType": "instance", "Tags": tags},
        ],
    }


def test_an_on_demand_request_takes_the_lowest_price() -> None:
    request = fleet_request(order(rung=ON_DEMAND), [Choice(C8G, A)], templates=TEMPLATES, roots={})
    assert request["OnDemandOptions"] == {"AllocationStrategy": "lowest-price"}
    assert request["TargetCapacitySpecification"]["DefaultTargetCapacityType"] == "on-demand"
    assert "SpotOptions" not in request


def test_each_architecture_has_its_own_template() -> None:
    request = fleet_request(
        order(), [Choice(C8G, A), Choice(C7A, A)], templates=TEMPLATES, roots={}
    )
    pairs = [
        (
            config["LaunchTemplateSpecification"]["LaunchTemplateId"],
            config["Overrides"][0]["InstanceType"],
        )
        for config in request["LaunchTemplateConfigs"]
    ]
    assert pairs == [("lt-arm", "c8g.large"), ("lt-amd", "c7a.large")]


def test_a_disk_keeps_what_the_template_says_of_its_volume() -> None:
    root = RootVolume("/dev/xvda", {"VolumeSize": 30, "Encrypted": True, "Throughput": 250})
    request = fleet_request(
        order(spec=RunnerSpec(arch="arm64", disk=200)),
        [Choice(C8G, A)],
        templates=TEMPLATES,
        roots={"arm64": root},
    )
    assert request["LaunchTemplateConfigs"][0]["Overrides"][0]["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {
                "VolumeType": "gp3",
                "VolumeSize": 200,
                "Encrypted": True,
                "Throughput": 250,
                "DeleteOnTermination": True,
            },
        }
    ]


def test_a_disk_is_never_smaller_than_the_image() -> None:
    request = fleet_request(
        order(spec=RunnerSpec(arch="arm64", disk=10)),
        [Choice(C8G, A)],
        templates=TEMPLATES,
        roots={"arm64": RootVolume("/dev/sda1", {"VolumeSize": 30})},
    )
    override = request["LaunchTemplateConfigs"][0]["Overrides"][0]
    assert override["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 30


def test_types_are_asked_for_where_they_are_offered_and_sold() -> None:
    spot = choices([C8G, M8G], [A, B], market=Market.SPOT, avoided=NOTHING)
    on_demand = choices([C8G, M8G], [A, B], market=Market.ON_DEMAND, avoided=NOTHING)
    assert spot == (Choice(C8G, A), Choice(C8G, B))
    assert on_demand == (*spot, Choice(M8G, A))


def test_a_request_never_has_more_overrides_than_ec2_takes() -> None:
    many = [InstanceType(f"c8g.{n}", 2, 4096, "arm64", zones=BOTH) for n in range(MOST_OVERRIDES)]
    assert len(choices(many, [A, B], market=Market.SPOT, avoided=NOTHING)) == MOST_OVERRIDES


@pytest.mark.parametrize(
    ("offers", "kinds", "left"),
    [
        ({IN_A}, set(), [("c8g.large", "z-b"), *R8G_PLACES]),
        (set(), {C8G_SPOT}, R8G_PLACES),
        ({IN_A, IN_B}, {R8G_SPOT}, R8G_PLACES),
        ({IN_A}, {C8G_SPOT, R8G_SPOT}, [("c8g.large", "z-b"), *R8G_PLACES]),
        (set(), {C8G_SPOT, R8G_SPOT}, [*C8G_PLACES, *R8G_PLACES]),
    ],
)
def test_what_is_to_be_avoided_is_left_out_unless_nothing_is_left(
    offers: set[Offer], kinds: set[Kind], left: list[tuple[str, str]]
) -> None:
    avoided = Avoided(frozenset(offers), frozenset(kinds))
    chosen = choices([C8G, R8G], [A, B], market=Market.SPOT, avoided=avoided)
    assert [(each.type.name, each.subnet.zone) for each in chosen] == left


def test_tags_are_within_what_ec2_accepts() -> None:
    request = fleet_request(
        order(repo="o/" + "r" * 300, rung=Rung(market=SPOT.market, wide=True)),
        [Choice(C8G, A)],
        templates=TEMPLATES,
        roots={},
    )
    values = [tag["Value"] for spec in request["TagSpecifications"] for tag in spec["Tags"]]
    assert max(map(len, values)) == 256


def test_two_fleets_never_share_a_client_token() -> None:
    asked = order()
    tokens = [
        fleet_request(asked, [Choice(C8G, A)], templates=TEMPLATES, roots={}, fleet=name)[
            "ClientToken"
        ]
        for name in ("default", "a" * 63, "b" * 63)
    ]
    assert tokens[0] == asked.token
    assert len(set(tokens)) == 3
    assert max(map(len, tokens)) <= 64
