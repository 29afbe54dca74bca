"""An EC2 machine asks for itself, and for nobody else."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from agent.host_ec2 import Ec2Host
from agent.imds import Metadata
from runs_fleet.errors import Unavailable
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import Message, RunnerConfig
from tests.agent.fakes import MetadataService, metadata_service, runner_config


class MemoryInbox:
    """A queue with what was put into it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def read(self) -> list[Message]:
        taken, self.messages = self.messages, []
        return taken

    def ack(self, handles: Sequence[str]) -> None:
        raise NotImplementedError


class Account:
    """Configs and machines of one AWS account; clients can be had only with credentials."""

    def __init__(self) -> None:
        self.credentials = True
        self.stores_made = 0
        self.configs: dict[str, RunnerConfig | StandbyConfig] = {"i-0123": runner_config()}
        self.terminated: list[str] = []
        self.inboxes: dict[str, MemoryInbox] = {}

    def client(self) -> "Account":
        if not self.credentials:
            raise Unavailable("no credentials yet")
        self.stores_made += 1
        return self

    def told(self, machine_id: str) -> RunnerConfig | StandbyConfig | None:
        return self.configs.get(machine_id)

    def delete(self, machine_id: str) -> None:
        del self.configs[machine_id]

    def inbox(self, address: str) -> MemoryInbox:
        assert address not in self.inboxes, "one for each address is enough"
        return self.inboxes.setdefault(address, MemoryInbox())

    def terminate(self, machine_id: str) -> None:
        self.terminated.append(machine_id)


@pytest.fixture
def imds() -> Iterator[MetadataService]:
    with metadata_service() as service:
        yield service


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def host(imds: MetadataService, account: Account) -> Ec2Host:
    return Ec2Host(
        Metadata(imds.base),
        store=account.client,
        terminator=lambda: account,
        calls=account.inbox,
    )


def test_a_machine_reads_and_removes_its_own_config(host: Ec2Host, account: Account) -> None:
    assert host.config() == runner_config()
    host.remove_config()
    assert account.configs == {}
    assert host.config() is None
    assert account.stores_made == 1


def test_a_machine_hears_each_call_once(host: Ec2Host, account: Account) -> None:
    assert not host.called("queue://wake")
    account.inboxes["queue://wake"].messages = [Message(handle="1", body="look")]
    assert [host.called("queue://wake") for _ in range(2)] == [True, False]


def test_a_machine_ends_itself(host: Ec2Host, account: Account) -> None:
    host.end()
    assert account.terminated == ["i-0123"]


def test_a_machine_knows_itself_when_the_metadata_is_gone(
    host: Ec2Host, imds: MetadataService, account: Account
) -> None:
    assert host.machine_id() == "i-0123"
    imds.status = 503
    host.end()
    assert account.terminated == ["i-0123"]


@pytest.mark.parametrize("ask", [Ec2Host.config, Ec2Host.notice, Ec2Host.end])
def test_a_deaf_machine_says_so(
    host: Ec2Host, imds: MetadataService, ask: Callable[[Ec2Host], object]
) -> None:
    imds.status = 503
    with pytest.raises(Unavailable):
        ask(host)


def test_credentials_that_come_late_are_enough(host: Ec2Host, account: Account) -> None:
    account.credentials = False
    with pytest.raises(Unavailable):
        host.config()
    account.credentials = True
    assert host.config()
