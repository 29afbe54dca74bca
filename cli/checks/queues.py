"""SQS: the queues that the fleet hears by."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cli.checks.ec2 import Site
from cli.checks.findings import Look, Verdict, failed, warning, well, worst
from runs_fleet import names
from runs_fleet.aws.errors import code_of, translated
from runs_fleet.errors import NotThere

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType

# A worker handles what it has read well within it.
LEAST_VISIBILITY = 30
QUEUES = "make or change it: docs/configuration.md#queues"


def reports_queue(site: Site) -> Verdict:
    """What agents say."""
    url = site.settings.reports_queue_url
    odd = [] if url.endswith(".fifo") else ["not FIFO, so a runner's reports may come out of order"]
    return _judged(site, url, odd)


def events_queue(site: Site) -> Verdict:
    """What EC2 says of machines."""
    url = site.settings.events_queue_url
    if url is None:
        return warning(
            "RUNS_FLEET_EC2_EVENTS_QUEUE_URL is not set: a lost machine is noticed by its silence",
            QUEUES,
        )
    return _judged(site, url, [])


def spool_queue(site: Site) -> Verdict:
    """What GitHub says while Temporal is away."""
    url = site.settings.spool_queue_url
    if url is None:
        return warning(
            "RUNS_FLEET_EC2_SPOOL_QUEUE_URL is not set: webhooks that come while Temporal is away"
            " are refused, and come back by the sweep",
            QUEUES,
        )
    return _judged(site, url, [])


def standby_queues(site: Site) -> Verdict:
    """Make, use and remove a queue as each machine of a warm pool has one."""
    name = names.standby_queue(site.settings.fleet, f"doctor-{secrets.token_hex(4)}")
    sqs = site.aws.sqs
    try:
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="written by `runs-fleet doctor`")
        sqs.delete_queue(QueueUrl=url)
        sqs.list_queues(QueueNamePrefix=name, MaxResults=1)
    except ClientError as error:
        said = f"{error.operation_name}: {code_of(error)}; only warm pools need it"
        return warning(said, "give the worker docs/configuration.md#the-workers-policy")
    return well("queues for warm pools can be made, used and removed")


def _judged(site: Site, url: str, odd: list[str]) -> Verdict:
    wanted: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "RedrivePolicy",
        "VisibilityTimeout",
    ]
    try:
        with translated(f"attributes of {url}"):
            answer = site.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
    except NotThere:
        return failed(f"there is no queue {url}", QUEUES)
    told = answer.get("Attributes", {})
    visible = int(told.get("VisibilityTimeout", "0"))
    if "RedrivePolicy" not in told:
        odd.append("no dead-letter queue: what nobody can read comes for ever")
    if visible < LEAST_VISIBILITY:
        odd.append(f"visibility timeout of {visible} s, at least {LEAST_VISIBILITY} are needed")
    name = url.rpartition("/")[2]
    waiting = told.get("ApproximateNumberOfMessages", "?")
    return worst([], odd, f"{name} is there, {waiting} messages wait", cure=QUEUES)


CHECKS: Mapping[str, Look[Site]] = {
    "reports queue": reports_queue,
    "events queue": events_queue,
    "spool queue": spool_queue,
    "standby queues": standby_queues,
}
