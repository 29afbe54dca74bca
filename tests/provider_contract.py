"""What every provider does, whatever the cloud.

A directory's test takes it over with the fixtures `provider`, a Provider of a place where there
is room, and `absent`, a machine id that such a place could have given but did not:

    class TestSomewhere(ProviderContract): ...
"""

from itertools import count

import pytest

from runs_fleet import names
from runs_fleet.models import MachineOrder, Market, Rung, RunnerSpec
from runs_fleet.ports import Provider

ALIVE = {"pending", "running"}
_jobs = count(9_000_000)


@pytest.fixture
def asked() -> MachineOrder:
    """An order for a runner that no other test has."""
    job = next(_jobs)
    runner = names.runner(job, 1)
    return MachineOrder(
        runner=runner,
        token=names.token(runner, 1),
        job_id=job,
        attempt=1,
        repo="o/r",
        spec=RunnerSpec(arch="arm64"),
        rung=Rung(market=Market.SPOT),
    )


class ProviderContract:
    """The port's promises, each as a test."""

    @pytest.mark.parametrize("market", list(Market))
    def test_an_order_becomes_a_machine_of_its_market(
        self, provider: Provider, asked: MachineOrder, market: Market
    ) -> None:
        made = provider.create(asked.model_copy(update={"rung": Rung(market=market)}))
        assert made.machine_id
        assert made.machine_type
        assert made.market is market

    def test_a_token_never_makes_a_second_machine(
        self, provider: Provider, asked: MachineOrder
    ) -> None:
        made = provider.create(asked)
        assert provider.create(asked).machine_id == made.machine_id
        assert [each.machine_id for each in provider.find(asked.runner)] == [made.machine_id]

    def test_a_machine_is_described_and_found_as_its_runners(
        self, provider: Provider, asked: MachineOrder
    ) -> None:
        made = provider.create(asked)
        described = provider.describe([made.machine_id])
        assert [(each.machine_id, each.runner) for each in described] == [
            (made.machine_id, asked.runner)
        ]
        assert {each.state for each in described} <= ALIVE
        assert [each.machine_id for each in provider.find(asked.runner)] == [made.machine_id]

    def test_what_is_unknown_is_left_out(
        self, provider: Provider, asked: MachineOrder, absent: str
    ) -> None:
        made = provider.create(asked)
        described = provider.describe([absent, made.machine_id])
        assert [each.machine_id for each in described] == [made.machine_id]
        assert provider.describe([]) == []
        assert provider.find("runs-fleet-1-1") == []

    @pytest.mark.parametrize("by_id", [True, False])
    def test_a_terminated_machine_is_no_longer_alive(
        self, provider: Provider, asked: MachineOrder, by_id: bool
    ) -> None:
        made = provider.create(asked)
        assert provider.terminate(asked.runner, made.machine_id if by_id else None)
        left = [*provider.describe([made.machine_id]), *provider.find(asked.runner)]
        assert ALIVE.isdisjoint(each.state for each in left)

    def test_terminating_twice_is_a_success(self, provider: Provider, asked: MachineOrder) -> None:
        made = provider.create(asked)
        provider.terminate(asked.runner, made.machine_id)
        provider.terminate(asked.runner, made.machine_id)

    def test_terminating_what_never_was_says_that_none_was_seen(
        self, provider: Provider, absent: str
    ) -> None:
        assert not provider.terminate("runs-fleet-1-1")
        assert not provider.terminate("runs-fleet-1-1", absent)

    def test_other_machines_are_left_alone(self, provider: Provider, asked: MachineOrder) -> None:
        other = asked.model_copy(
            update={"runner": f"{asked.runner}1", "attempt": 11, "token": f"{asked.runner}1-1"}
        )
        provider.create(asked)
        kept = provider.create(other)
        provider.terminate(asked.runner)
        assert provider.describe([kept.machine_id])[0].state in ALIVE
