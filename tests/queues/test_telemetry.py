"""Telemetry: what is told of a runner that goes, and how it gets where dashboards look."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from botocore.stub import Stubber

from runs_fleet import telemetry
from runs_fleet.ledger import Ledger
from runs_fleet.models import RunnerSpec
from runs_fleet.queues.telemetry import CloudWatchTelemetry, ValkeyTelemetry
from runs_fleet.queues.valkey import TELEMETRY, connect
from runs_fleet.releases import RunnerFacts
from simulator.valkey import ValkeyServer
from tests.ec2.servers import bare_moto, session
from tests.ledgers import JOB, at, booting, made, running, says_github
from tests.queues.proxy import Proxy
from tests.simulator.waiting import until

DOCS = Path(__file__).parents[2] / "docs" / "valkey.md"
NEVER = 600.0


def served() -> Ledger:
    """A job of a pool that has run on its own spot machine from second 40 to second 100."""
    ledger = running(spec=RunnerSpec(pool="default"))
    says_github(ledger, "completed", 100, conclusion="success")
    ledger.runners[0].drop("job_done", at(101))
    return ledger


def facts(ledger: Ledger) -> RunnerFacts:
    return telemetry.facts(ledger, ledger.runners[0])


def measured(told: RunnerFacts) -> dict[str, float]:
    return {each.name: each.value for each in telemetry.metrics(told, at(110))}


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the senders of telemetry logged; other threads may log as well."""
    ours = "runs_fleet.queues.telemetry"
    return [vars(each) | {"said": each.msg} for each in caplog.records if each.name == ours]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("telemetry")) as running_server:
        yield running_server


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    made_client = connect(server.url, timeout=30)
    yield made_client
    made_client.close()


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    made_client = session().client("cloudwatch", endpoint_url="http://127.0.0.1:1")
    yield made_client
    made_client.close()


@pytest.fixture
def script(cloudwatch: Any) -> Iterator[Stubber]:
    with Stubber(cloudwatch) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def metrics(cloudwatch: Any) -> Iterator[CloudWatchTelemetry]:
    """Metrics that are put when the test says so."""
    made_telemetry = CloudWatchTelemetry(cloudwatch, every=NEVER)
    yield made_telemetry
    made_telemetry.close()


def test_a_runner_that_ran_its_job_tells_all_of_it() -> None:
    told = telemetry.fields(facts(served()), at(110))
    told_times = {name: told.pop(name)[14:19] for name in list(told) if name.endswith("_at")}
    assert told == {
        "runner": "runs-fleet-7-1",
        "job_id": str(JOB),
        "attempt": "1",
        "repo": "octo/hello",
        "mode": "ec2",
        "pool": "default",
        "final": "1",
        "state": "completed",
        "conclusion": "success",
        "cause": "job_done",
        "served_job": str(JOB),
        "machine_id": "i-1",
        "market": "spot",
        "price": "0.36",
        "queue_seconds": "40.0",
        "place_seconds": "0.0",
        "boot_seconds": "30.0",
        "run_seconds": "60.0",
        "machine_seconds": "110.0",
        "cost": "0.011",
    }
    assert told_times == {
        "queued_at": "00:00",
        "delivered_at": "00:00",
        "ordered_at": "00:00",
        "placed_at": "00:00",
        "ready_at": "00:30",
        "started_at": "00:40",
        "completed_at": "01:40",
        "released_at": "01:50",
    }


def test_what_is_unknown_is_left_out() -> None:
    told = telemetry.fields(facts(booting()), at(1))
    assert {"pool", "conclusion", "ready_at", "boot_seconds", "served_job"} & set(told) == set()


def test_a_runner_of_a_job_that_goes_on_is_not_the_final_one() -> None:
    assert not facts(running()).final


def test_a_runner_whose_job_has_another_one_left_is_not_the_final_one() -> None:
    ledger = served()
    made(ledger)
    assert not facts(ledger).final


def test_clocks_that_differ_make_no_negative_time() -> None:
    early = facts(served()).model_copy(update={"started_at": at(-5)})
    assert telemetry.fields(early, at(110))["queue_seconds"] == "0.0"


def test_every_field_is_documented() -> None:
    section = DOCS.read_text().split("\n## Telemetry\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(telemetry.FIELDS)


def test_a_final_runner_measures_its_job_too() -> None:
    assert measured(facts(served())) == {
        "RunnersReleased": 1,
        "JobsOver": 1,
        "QueueSeconds": 40,
        "RunSeconds": 60,
        "PlaceSeconds": 0,
        "BootSeconds": 30,
        "MachineSeconds": 110,
        "MachineCost": 0.011,
    }


def test_a_runner_of_no_use_measures_itself_only() -> None:
    assert set(measured(facts(booting()))) == {
        "RunnersReleased",
        "PlaceSeconds",
        "MachineSeconds",
        "MachineCost",
    }


@pytest.mark.parametrize(
    ("cause", "shown"), [("taken", "taken"), ("Server.SpotInstanceTermination", "lost")]
)
def test_a_code_of_the_provider_makes_no_dimension_of_its_own(cause: str, shown: str) -> None:
    told = facts(booting()).model_copy(update={"cause": cause})
    (released, *_) = telemetry.metrics(told, at(1))
    assert released.dimensions == {"Pool": "none", "Market": "spot", "Cause": shown}


def test_no_metric_tells_of_a_single_job_repository_or_machine() -> None:
    names = {name for m in telemetry.metrics(facts(served()), at(110)) for name in m.dimensions}
    assert names == {"Pool", "Market", "Cause", "Conclusion"}


def test_an_entry_is_there_when_the_runner_is_said_to_be_gone(client: redis.Redis) -> None:
    client.delete(TELEMETRY)
    writer = ValkeyTelemetry(client, limit=30)
    writer.runner_released(facts(served()))
    entries: Any = client.xrange(TELEMETRY)
    writer.close()
    assert entries[0][1]["runner"] == "runs-fleet-7-1"


def test_the_stream_forgets_its_oldest_entries(client: redis.Redis) -> None:
    writer, told = ValkeyTelemetry(client, "capped", most=100, limit=30), facts(served())
    client.eval("for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', 'runner', i) end", 1, "capped")
    writer.runner_released(told)
    writer.close()
    assert client.xlen("capped") <= 300


def test_a_server_that_is_away_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    client = connect("redis://127.0.0.1:1/0")
    writer = ValkeyTelemetry(client, limit=30)
    writer.runner_released(facts(served()))
    writer.close()
    client.close()
    assert [each["said"] for each in logged(caplog)] == ["telemetry lost"]


def test_a_server_that_hangs_is_waited_for_once(
    server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(server.port) as proxy:
        client = connect(proxy.url, timeout=30)
        client.ping()
        proxy.flows.clear()
        writer = ValkeyTelemetry(client, "hangs", limit=0.2)
        writer.runner_released(facts(served()))
        writer.runner_released(facts(served()))
        proxy.flows.set()
        writer.close()
        until(lambda: client.xlen("hangs") == 1, within=30)
        client.close()
    reasons = [each["reason"] for each in logged(caplog)]
    assert reasons == ["not written within 0.2 s", "an earlier one hangs"]


def test_metrics_are_put_together(
    metrics: CloudWatchTelemetry, script: Stubber, cloudwatch: Any
) -> None:
    calls = list[dict[str, Any]]()
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch", lambda params, **_: calls.append(params)
    )
    script.add_response("put_metric_data", {})
    metrics.runner_released(facts(served()))
    metrics.runner_released(facts(served()))
    metrics.flush()
    (call,) = calls
    assert (call["Namespace"], len(call["MetricData"])) == ("RunsFleet", 16)


def test_no_call_carries_more_than_a_thousand_metrics(
    metrics: CloudWatchTelemetry, script: Stubber, cloudwatch: Any
) -> None:
    sizes = list[int]()
    cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch",
        lambda params, **_: sizes.append(len(params["MetricData"])),
    )
    told = facts(served())
    for _ in range(3):
        script.add_response("put_metric_data", {})
    for _ in range(300):
        metrics.runner_released(told)
    metrics.flush()
    assert sizes == [1000, 1000, 400]


def test_metrics_wait_while_cloudwatch_is_away(
    metrics: CloudWatchTelemetry, script: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    script.add_client_error("put_metric_data", "InternalServiceFault", http_status_code=500)
    script.add_response("put_metric_data", {})
    metrics.runner_released(facts(served()))
    metrics.flush()
    metrics.flush()
    metrics.flush()
    assert [each["said"] for each in logged(caplog)] == ["metrics wait"]


def test_metrics_that_are_refused_are_not_tried_again(
    metrics: CloudWatchTelemetry, script: Stubber, caplog: pytest.LogCaptureFixture
) -> None:
    script.add_client_error("put_metric_data", "AccessDenied", http_status_code=403)
    metrics.runner_released(facts(served()))
    metrics.flush()
    metrics.flush()
    assert [each["said"] for each in logged(caplog)] == ["metrics lost"]


def test_metrics_arrive_by_themselves() -> None:
    with bare_moto() as moto:
        client = session().client("cloudwatch", endpoint_url=moto.url)
        sender = CloudWatchTelemetry(client, "Mine", every=0.1, clock=lambda: datetime.now(UTC))
        sender.runner_released(facts(served()))
        until(lambda: len(client.list_metrics(Namespace="Mine")["Metrics"]) == 8, within=30)
        sender.close()
        client.close()
