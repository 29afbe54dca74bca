"""SSM and SQS where AWS's manners differ from moto's."""

from typing import TYPE_CHECKING, Literal

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from simulator.aws.client import AwsWorld
from simulator.aws.models import Fault, Setup, Throttle

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

Tier = Literal["Standard", "Advanced"]


@pytest.mark.parametrize(("tier", "size"), [("Standard", 4096), ("Advanced", 8192)])
def test_a_parameter_has_a_size_limit(ssm: "SSMClient", tier: Tier, size: int, token: str) -> None:
    name = f"/limits/{token}"
    ssm.put_parameter(Name=name, Value="x" * size, Type="SecureString", Tier=tier)
    with pytest.raises(ClientError, match=f"maximum parameter value of {size} characters"):
        ssm.put_parameter(
            Name=name, Value="x" * (size + 1), Type="SecureString", Tier=tier, Overwrite=True
        )


def test_the_books_know_parameters_by_name(ssm: "SSMClient", world: AwsWorld, token: str) -> None:
    name = f"/books/{token}"
    ssm.put_parameter(Name=name, Value="secret", Type="SecureString")
    assert world.books().parameters[name].there
    ssm.get_parameter(Name=name)
    ssm.delete_parameter(Name=name)
    entry = world.books().parameters[name]
    assert (entry.written, entry.read, entry.deleted, entry.there) == (1, 1, 1, False)


def test_an_unknown_parameter_is_not_found(ssm: "SSMClient") -> None:
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/nowhere")


def test_a_json_service_throttles_in_its_own_words(ssm: "SSMClient", world: AwsWorld) -> None:
    world.throttle(Throttle(action="GetParameter", burst=0, refill=0.0))
    with pytest.raises(ClientError) as error:
        ssm.get_parameter(Name="/nowhere")
    assert error.value.response["Error"]["Code"] == "ThrottlingException"


def test_a_fault_of_a_queue_is_readable(sqs: "SQSClient", world: AwsWorld, account: Setup) -> None:
    world.fault(Fault(action="SendMessage", kind="error", code="AccessDenied", status=403))
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=account.events_queue_url, MessageBody="x")
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_a_service_that_is_cut_off_answers_nobody_and_the_others_do(
    sqs: "SQSClient", ssm: "SSMClient", world: AwsWorld, account: Setup
) -> None:
    world.cut_off("sqs")
    with pytest.raises(ConnectionClosedError):
        sqs.send_message(QueueUrl=account.events_queue_url, MessageBody="x")
    assert ssm.describe_parameters()["Parameters"] is not None
    world.cut_off()
    sqs.send_message(QueueUrl=account.events_queue_url, MessageBody="x")


def test_a_repeated_fifo_message_is_the_first_one(
    sqs: "SQSClient", world: AwsWorld, account: Setup, token: str
) -> None:
    def send() -> str:
        return sqs.send_message(
            QueueUrl=account.reports_queue_url,
            MessageBody="report",
            MessageGroupId=token,
            MessageDeduplicationId=token,
        )["MessageId"]

    before = world.books().queues["runs-fleet-reports.fifo"].visible
    assert send() == send()
    assert world.books().queues["runs-fleet-reports.fifo"].visible == before + 1


def test_a_message_that_nobody_can_handle_ends_as_a_dead_letter(
    sqs: "SQSClient", world: AwsWorld, account: Setup, token: str
) -> None:
    sqs.purge_queue(QueueUrl=account.reports_queue_url)
    sqs.send_message(
        QueueUrl=account.reports_queue_url,
        MessageBody="poison",
        MessageGroupId=token,
        MessageDeduplicationId=f"poison-{token}",
    )
    received = [
        sqs.receive_message(QueueUrl=account.reports_queue_url, VisibilityTimeout=0)
        for _ in range(6)
    ]
    assert "Messages" not in received[-1]
    assert world.books().queues["runs-fleet-reports-dead.fifo"].visible == 1


def test_a_repeated_name_needs_overwrite_and_no_tags_with_it(ssm: "SSMClient", token: str) -> None:
    name = f"/again/{token}"
    ssm.put_parameter(Name=name, Value="a", Type="String")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=name, Value="b", Type="String")
    with pytest.raises(ClientError, match="tags and overwrite"):
        ssm.put_parameter(
            Name=name, Value="b", Type="String", Overwrite=True, Tags=[{"Key": "k", "Value": "v"}]
        )
    assert ssm.put_parameter(Name=name, Value="b", Overwrite=True)["Version"] == 2


def test_parameters_below_a_path_come_in_pages(ssm: "SSMClient", token: str) -> None:
    names = [f"/paths/{token}/{number:02}" for number in range(12)]
    [ssm.put_parameter(Name=name, Value="v", Type="SecureString") for name in names]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"/paths/{token}", WithDecryption=True
    )
    assert [p["Name"] for page in pages for p in page["Parameters"]] == names
    listed = ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [f"/paths/{token}"]}]
    )
    assert len(listed["Parameters"]) == 10
    gone = ssm.delete_parameters(Names=[names[0], "/nowhere"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == ([names[0]], ["/nowhere"])


def test_a_secret_is_shown_only_to_who_asks(ssm: "SSMClient", token: str) -> None:
    name = f"/secret/{token}"
    ssm.put_parameter(Name=name, Value="plain", Type="SecureString")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] != "plain"
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "plain"


def test_an_unknown_queue_does_not_exist(sqs: "SQSClient", account: Setup) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=f"{account.events_queue_url}-no")


def test_batches_tell_each_entry_apart(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="batches")["QueueUrl"]
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": f"m{n}"} for n in range(3)]
    )
    messages = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert [m["Body"] for m in messages] == ["m0", "m1", "m2"]
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in messages} == {"1"}
    answer = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "ReceiptHandle": messages[0]["ReceiptHandle"]},
            {"Id": "bad", "ReceiptHandle": "no handle"},
        ],
    )
    assert [e["Id"] for e in answer["Successful"]] == ["good"]
    assert [e["Code"] for e in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
