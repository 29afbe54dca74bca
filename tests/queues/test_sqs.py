"""SQS as a reader and an agent see it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber
from types_boto3_sqs.client import SQSClient

from runs_fleet.aws.clients import Clients, clients
from runs_fleet.errors import NotThere, RateLimited, Unavailable
from runs_fleet.ports import Letter
from runs_fleet.queues.sqs import SqsInbox, SqsOutbox
from tests.ec2.servers import session

URL = "https://sqs.us-east-1.amazonaws.com/1/reports"


@pytest.fixture
def inbox(aws: Clients, url: str) -> SqsInbox:
    return SqsInbox(aws.sqs, url, wait=0)


@pytest.fixture
def outbox(aws: Clients, url: str) -> SqsOutbox:
    return SqsOutbox(aws.sqs, url)


@pytest.fixture
def sqs() -> SQSClient:
    return clients(session()).sqs


@pytest.fixture
def script(sqs: SQSClient) -> Iterator[Stubber]:
    with Stubber(sqs) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_what_is_sent_is_read(inbox: SqsInbox, outbox: SqsOutbox) -> None:
    outbox.send('{"kind":"ready"}', group="runs-fleet-1-1", key="runs-fleet-1-1:ready")
    message = inbox.read()[0]
    assert (message.body, message.receives) == ('{"kind":"ready"}', 1)
    assert message.sent_at is not None
    assert abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=1)


def test_what_is_sent_at_once_is_read(inbox: SqsInbox, outbox: SqsOutbox) -> None:
    assert outbox.send_batch([Letter(str(n), group=f"g{n}", key=f"k{n}") for n in range(10)]) == []
    read = [*inbox.read(), *inbox.read(), *inbox.read()]
    assert sorted(message.body for message in read) == sorted(str(n) for n in range(10))


@pytest.mark.parametrize("url", [".fifo"], indirect=True)
def test_a_message_tells_the_group_that_orders_it(inbox: SqsInbox, outbox: SqsOutbox) -> None:
    outbox.send_batch([Letter(str(n), group="job", key=str(n)) for n in range(3)])
    assert [(m.group, m.body) for m in inbox.read()] == [("job", "0"), ("job", "1"), ("job", "2")]


def test_what_the_queue_does_not_take_is_told(sqs: SQSClient, script: Stubber) -> None:
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    script.add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
    one, other = Letter("1", group="g", key="1"), Letter("2", group="g", key="2")
    assert SqsOutbox(sqs, URL).send_batch([one, other]) == [other]


def test_an_empty_queue_is_a_normal_answer(inbox: SqsInbox) -> None:
    assert inbox.read() == []


def test_acknowledged_messages_are_gone(
    inbox: SqsInbox, outbox: SqsOutbox, aws: Clients, url: str
) -> None:
    for number in range(12):
        outbox.send(str(number), group=str(number), key=str(number))
    messages = [*inbox.read(), *inbox.read(), *inbox.read()]
    assert len(messages) == 12
    inbox.ack([each.handle for each in messages])
    counts = aws.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    assert set(counts.values()) == {"0"}


def test_acknowledging_nothing_is_a_success(inbox: SqsInbox) -> None:
    inbox.ack([])


def test_a_message_not_acknowledged_comes_again_and_says_so(
    inbox: SqsInbox, outbox: SqsOutbox, aws: Clients, url: str
) -> None:
    outbox.send("again", group="g", key="k")
    aws.sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=inbox.read()[0].handle, VisibilityTimeout=0
    )
    assert [each.receives for each in inbox.read()] == [2]


@pytest.mark.parametrize("url", [".fifo"], indirect=True)
def test_a_fifo_queue_tells_repeats(inbox: SqsInbox, outbox: SqsOutbox) -> None:
    outbox.send("once", group="g", key="k")
    outbox.send("once", group="g", key="k")
    assert len(inbox.read()) == 1


@pytest.mark.parametrize("url", [".fifo"], indirect=True)
@pytest.mark.parametrize("text", ["x" * 200, "a b", "ü", ""])
def test_any_group_and_key_will_do(inbox: SqsInbox, outbox: SqsOutbox, text: str) -> None:
    outbox.send("body", group=text, key=text)
    assert len(inbox.read()) == 1


def test_a_missing_queue_is_told(aws: Clients, aws_endpoint: object) -> None:
    nowhere = f"{URL}-nowhere"
    with pytest.raises(NotThere, match="reports-nowhere"):
        SqsInbox(aws.sqs, nowhere, wait=0).read()
    with pytest.raises(NotThere):
        SqsOutbox(aws.sqs, nowhere).send("x", group="g", key="k")


def test_acknowledgements_go_in_tens(sqs: SQSClient, script: Stubber) -> None:
    handles = [f"h{number}" for number in range(13)]
    expect(script, handles[:10], failed=[])
    expect(script, handles[10:], failed=[])
    SqsInbox(sqs, URL).ack(handles)


def test_a_failed_acknowledgement_is_tried_once_more(sqs: SQSClient, script: Stubber) -> None:
    expect(script, ["a", "b", "c"], failed=[1])
    expect(script, ["b"], failed=[])
    SqsInbox(sqs, URL).ack(["a", "b", "c"])


def test_what_fails_twice_is_told(sqs: SQSClient, script: Stubber) -> None:
    expect(script, ["a", "b"], failed=[0, 1])
    expect(script, ["a", "b"], failed=[1])
    with pytest.raises(Unavailable, match="1 of 2 messages remain"):
        SqsInbox(sqs, URL).ack(["a", "b"])


def test_a_throttled_queue_says_when_to_come_back(sqs: SQSClient, script: Stubber) -> None:
    script.add_client_error("receive_message", "RequestThrottled", http_status_code=403)
    with pytest.raises(RateLimited):
        SqsInbox(sqs, URL).read()


def test_the_usual_read_waits_and_asks_for_what_it_tells(sqs: SQSClient, script: Stubber) -> None:
    script.add_response(
        "receive_message",
        {},
        {
            "QueueUrl": URL,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 10,
            "MessageSystemAttributeNames": [
                "ApproximateReceiveCount",
                "MessageGroupId",
                "SentTimestamp",
            ],
        },
    )
    assert SqsInbox(sqs, URL).read() == []


def test_a_handle_that_has_expired_is_not_tried_again(sqs: SQSClient, script: Stubber) -> None:
    fault = {"Id": "0", "SenderFault": True, "Code": "InvalidParameterValue"}
    script.add_response("delete_message_batch", {"Successful": [], "Failed": [fault]})
    SqsInbox(sqs, URL).ack(["too old"])


def expect(script: Stubber, handles: list[str], *, failed: list[int]) -> None:
    """Expect one batch deletion, in which these positions fail."""
    entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
    answer = {
        "Successful": [],
        "Failed": [{"Id": str(n), "SenderFault": False, "Code": "InternalError"} for n in failed],
    }
    script.add_response("delete_message_batch", answer, {"QueueUrl": URL, "Entries": entries})


def test_what_a_reader_had_in_hand_when_it_died_soon_comes_to_another(
    aws: Clients, outbox: SqsOutbox, url: str
) -> None:
    outbox.send("queued", group="job", key="queued")
    assert [each.body for each in SqsInbox(aws.sqs, url, wait=0, hidden=1).read()] == ["queued"]
    patient = SqsInbox(aws.sqs, url, wait=20)
    assert [(each.body, each.receives) for each in patient.read()] == [("queued", 2)]
