"""The metadata client against real HTTP."""

import socket
from collections.abc import Iterator

import pytest

from agent.imds import Metadata, endpoint
from runs_fleet.errors import Unavailable
from tests.agent.fakes import MetadataService, metadata_service

NOTICE = '{"action": "terminate", "time": "2026-09-18T08:22:00Z"}'


@pytest.fixture(params=["", "/machines/i-0123"])
def service(request: pytest.FixtureRequest) -> Iterator[MetadataService]:
    with metadata_service(request.param) as serving:
        yield serving


@pytest.fixture
def metadata(service: MetadataService) -> Metadata:
    return Metadata(f"{service.base}/", timeout=5)


def test_a_machine_knows_its_id_and_region(metadata: Metadata) -> None:
    assert (metadata.instance_id(), metadata.region()) == ("i-0123", "eu-1")


def test_one_token_serves_many_questions(service: MetadataService, metadata: Metadata) -> None:
    assert [metadata.instance_id(), metadata.instance_id()] == ["i-0123"] * 2
    assert service.tokens_given == 1


def test_an_expired_token_is_replaced(service: MetadataService, metadata: Metadata) -> None:
    metadata.instance_id()
    service.expire_token()
    assert metadata.instance_id() == "i-0123"
    assert service.tokens_given == 2


def test_no_notice_is_none(metadata: Metadata) -> None:
    assert metadata.spot_notice() is None


def test_a_notice_tells_action_and_time(service: MetadataService, metadata: Metadata) -> None:
    service.answers["meta-data/spot/instance-action"] = NOTICE
    assert metadata.spot_notice() == "spot terminate at 2026-09-18T08:22:00Z"


@pytest.mark.parametrize("text", ["terminate", "[]", "{}"])
def test_a_strange_notice_is_no_answer(
    service: MetadataService, metadata: Metadata, text: str
) -> None:
    service.answers["meta-data/spot/instance-action"] = text
    with pytest.raises(Unavailable, match="instance-action"):
        metadata.spot_notice()


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_service_in_trouble_is_unavailable(
    service: MetadataService, metadata: Metadata, status: int
) -> None:
    service.status = status
    with pytest.raises(Unavailable, match=str(status)):
        metadata.instance_id()


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        metadata = Metadata(f"http://127.0.0.1:{unused.getsockname()[1]}", timeout=1)
        with pytest.raises(Unavailable, match="no answer"):
            metadata.instance_id()


@pytest.mark.parametrize(
    ("environ", "base"),
    [
        ({}, "http://169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "http://[fd00:ec2::254]"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://localhost:1/m"}, "http://localhost:1/m"),
    ],
)
def test_the_sdks_variables_name_the_service(environ: dict[str, str], base: str) -> None:
    assert endpoint(environ) == base
