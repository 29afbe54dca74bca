"""Runner configs: exact, small, secret, and at the machine's own address."""

import base64
import json
import logging
import random
from dataclasses import replace

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.aws.clients import Clients, clients
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.codec import Told, Unreadable, decode, encode
from runs_fleet.providers.ec2.ssm import MOST_ADVANCED, MOST_STANDARD, SsmConfigStore
from tests.ec2.servers import session

PREFIX = "/runs-fleet/runners"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def noise(length: int, seed: str = "") -> str:
    return base64.b64encode(random.Random(seed).randbytes(length)).decode()


def jit(scale: int = 1) -> str:
    """Write a config as GitHub does: base64 of JSON whose values are base64 of JSON."""
    numbers = {"d": 256, "modulus": 256, "p": 128, "q": 128, "dp": 128, "dq": 128, "inverseQ": 128}
    files = {
        ".runner": {
            "AgentId": "7",
            "AgentName": "runs-fleet-5-1",
            "PoolId": "1",
            "PoolName": "Default",
            "DisableUpdate": "True",
            "Ephemeral": "True",
            "ServerUrl": "https://pipelinesghubeus6.actions.githubusercontent.com/abcdefghijklmnop/",
            "GitHubUrl": "https://github.com/acme",
            "WorkFolder": "_work",
            "UseV2Flow": "True",
            "ServerUrlV2": "https://broker.actions.githubusercontent.com/",
        },
        ".credentials": {
            "Scheme": "OAuth",
            "Data": {
                "ClientId": "5e0a0a0a-1111-2222-3333-444455556666",
                "AuthorizationUrl": "https://tokenghub.actions.githubusercontent.com/_apis/oauth2",
                "RequireFipsCryptography": "True",
            },
        },
        ".credentials_rsaparams": {
            "exponent": "AQAB",
            **{name: noise(scale * size, seed=name) for name, size in numbers.items()},
        },
    }
    encoded = {name: base64_of(json.dumps(value)) for name, value in files.items()}
    return base64_of(json.dumps(encoded))


CONFIG = RunnerConfig(
    runner="runs-fleet-5-1",
    jit_config=jit(),
    report_key="ab" * 32,
    reports="https://sqs.us-east-1.amazonaws.com/1/reports.fifo",
    idle_limit=300.0,
    max_runtime=43200.0,
)
STANDBY = StandbyConfig(
    member="runs-fleet-pool-default-sabc123-4",
    report_key="cd" * 32,
    reports="https://sqs.us-east-1.amazonaws.com/123456789012/reports.fifo",
    wake="https://sqs.us-east-1.amazonaws.com/123456789012/runs-fleet-x-standby-i-0123456789abcdef0",
    idle_limit=3600.0,
)


@pytest.fixture
def store(aws: Clients) -> SsmConfigStore:
    return SsmConfigStore(aws.ssm, PREFIX)


standbys = st.builds(
    StandbyConfig,
    member=st.text(),
    report_key=st.text(),
    reports=st.text(),
    wake=st.text(),
    idle_limit=st.floats(min_value=0, max_value=1e9),
)
configs = st.builds(
    RunnerConfig,
    runner=st.text(),
    jit_config=st.one_of(st.text(), st.text(alphabet="AQgw=+/9 \n"), st.text().map(base64_of)),
    report_key=st.text(),
    reports=st.text(),
    idle_limit=st.floats(min_value=0, max_value=1e9),
    max_runtime=st.floats(min_value=0, max_value=1e9),
    standby=st.none() | standbys,
)


@given(configs | standbys)
def test_a_config_comes_back_exactly(config: Told) -> None:
    assert decode(encode(config)) == config


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_a_foreign_text_is_unreadable_and_nothing_else(text: str) -> None:
    with pytest.raises(Unreadable):
        decode(text)


def test_a_jit_config_fits_the_standard_tier_because_it_is_decoded_first() -> None:
    assert 3500 < len(CONFIG.jit_config) < 4600
    assert len(encode(CONFIG)) < 0.85 * len(CONFIG.jit_config)
    assert len(encode(CONFIG)) < MOST_STANDARD


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_config_cut_short_is_unreadable(cut: int) -> None:
    with pytest.raises(Unreadable):
        decode(encode(CONFIG)[: -4 * cut])


def test_a_stored_config_is_fetched_by_machine(store: SsmConfigStore) -> None:
    store.store("i-1", CONFIG)
    assert store.fetch("i-1") == CONFIG


def test_a_config_is_encrypted_and_where_the_machine_looks(
    store: SsmConfigStore, aws: Clients
) -> None:
    store.store("i-2", CONFIG)
    found = aws.ssm.get_parameter(Name=f"{PREFIX}/i-2")["Parameter"]
    assert found["Type"] == "SecureString"
    assert CONFIG.report_key not in found["Value"]


def test_a_second_config_replaces_the_first(store: SsmConfigStore) -> None:
    other = replace(CONFIG, runner="runs-fleet-6-1")
    store.store("i-3", CONFIG)
    store.store("i-3", other)
    assert store.fetch("i-3") == other


def test_a_machine_that_stands_by_has_no_runners_config(store: SsmConfigStore) -> None:
    store.stand_by("i-9", STANDBY)
    assert store.fetch("i-9") is None
    assert store.told("i-9") == STANDBY


def test_a_runners_config_replaces_that_of_standing_by(store: SsmConfigStore) -> None:
    store.stand_by("i-10", STANDBY)
    store.store("i-10", CONFIG)
    assert store.told("i-10") == CONFIG


def test_who_tells_a_machine_late_to_stand_by_takes_no_config_away(store: SsmConfigStore) -> None:
    store.store("i-11", CONFIG)
    store.stand_by("i-11", STANDBY)
    assert store.fetch("i-11") == CONFIG


def test_a_listening_members_config_fits_the_standard_tier() -> None:
    assert len(encode(replace(CONFIG, standby=STANDBY))) < MOST_STANDARD


def test_no_config_is_none(store: SsmConfigStore) -> None:
    assert store.fetch("i-none") is None


def test_a_deleted_config_is_gone_and_may_be_deleted_again(store: SsmConfigStore) -> None:
    store.store("i-4", CONFIG)
    store.delete("i-4")
    store.delete("i-4")
    assert store.fetch("i-4") is None


@pytest.mark.parametrize(("scale", "tier"), [(1, "Standard"), (2, "Advanced")])
def test_the_cheapest_tier_that_holds_it_is_used(
    store: SsmConfigStore, aws: Clients, scale: int, tier: str
) -> None:
    machine_id = f"i-{tier}"
    store.store(machine_id, replace(CONFIG, jit_config=jit(scale)))
    found = aws.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Values": [f"{PREFIX}/{machine_id}"]}]
    )["Parameters"]
    assert [each["Tier"] for each in found] == [tier]


def test_a_config_that_fits_nowhere_is_refused_with_its_size(store: SsmConfigStore) -> None:
    secret = noise(MOST_ADVANCED)
    with pytest.raises(Refused, match=r"\d+ bytes, and a parameter holds 8192") as refusal:
        store.store("i-5", replace(CONFIG, jit_config=secret))
    assert secret[:20] not in str(refusal.value)


def test_a_corrupt_parameter_is_refused_without_its_content(
    store: SsmConfigStore, aws: Clients
) -> None:
    aws.ssm.put_parameter(Name=f"{PREFIX}/i-6", Value="SECRET" * 9, Type="SecureString")
    with pytest.raises(Refused, match="not a runner's config") as refusal:
        store.fetch("i-6")
    assert "SECRET" not in str(refusal.value)


def test_what_aws_says_of_a_value_never_shows(caplog: pytest.LogCaptureFixture) -> None:
    ssm = clients(session()).ssm
    with Stubber(ssm) as script, caplog.at_level(logging.INFO):
        script.add_client_error("put_parameter", "ValidationException", "Value 'SECRET' at 'value'")
        with pytest.raises(Refused, match="ValidationException") as refusal:
            SsmConfigStore(ssm, PREFIX).store("i-7", CONFIG)
    assert "SECRET" not in str(refusal.value)
    assert refusal.value.__suppress_context__
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("code", "verdict"), [("InternalServerError", Unavailable), ("AccessDeniedException", Refused)]
)
def test_a_store_that_does_not_answer_is_not_an_empty_one(
    code: str, verdict: type[Exception]
) -> None:
    ssm = clients(session()).ssm
    with Stubber(ssm) as script:
        script.add_client_error("get_parameter", code)
        with pytest.raises(verdict, match=code):
            SsmConfigStore(ssm, PREFIX).fetch("i-8")
