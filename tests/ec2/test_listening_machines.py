"""What became of the machine of a member that listened, asked by the name it had at GitHub."""

import pytest

from runs_fleet import names
from runs_fleet.providers.ec2.provider import Ec2Provider
from tests.ec2.warming import Yard, member_order, yard

__all__ = ["yard"]
pytestmark = [
    # The first test of a process starts the world, which takes long on a loaded machine.
    pytest.mark.timeout(240),
    pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session"),
]


def test_a_listening_member_that_was_lost_is_found_by_its_runners_name(yard: Yard) -> None:
    provider = Ec2Provider(yard.aws.ec2, yard.site, catalog=yard.catalog)
    order = member_order()
    made = yard.warm.launch(order)
    runner = names.member_runner(order.member, 2)
    assert [each.machine_id for each in provider.find(runner)] == [made.machine.machine_id]
    yard.world.lose(made.machine.machine_id)
    yard.wait_for(made.machine.machine_id, "terminated")
    [found] = provider.find(runner)
    assert (found.state, found.taken, found.runner) == ("gone", True, runner)


def test_of_a_member_that_never_was_nothing_is_found(yard: Yard) -> None:
    provider = Ec2Provider(yard.aws.ec2, yard.site, catalog=yard.catalog)
    assert provider.find(names.member_runner(member_order().member, 1)) == []
