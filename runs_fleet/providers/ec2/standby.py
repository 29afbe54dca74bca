"""Where the machines of pools stand by: a parameter to look at, and a queue to be called by."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet import names, reports
from runs_fleet.aws.errors import MISSING, code_of, translate, translated
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.ssm import SsmConfigStore

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

PAGE = 1000
# The shortest that SQS keeps a message; who was not there to hear it looks by itself.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
KEPT = "60"
# Hidden for longer than it is kept, so that a call is heard once, and nobody has to remove it.
HIDDEN = "120"
CALL = "look"
DENIED = frozenset({"AccessDenied", "AccessDeniedException"})

log = logging.getLogger(__name__)


class StandbyQueues:
    """One queue for each machine that stands by; nothing secret goes through it.

    They are in the account and region of the queue of reports, whose address is `reports`.
    """

    def __init__(self, sqs: SQSClient, *, fleet: str, reports: str) -> None:
        self._sqs, self._fleet = sqs, fleet
        self._base = reports.rpartition("/")[0]

    def address(self, machine_id: str) -> str:
        """Spell the address at which a machine is called."""
        return f"{self._base}/{names.standby_queue(self._fleet, machine_id)}"

    def open(self, machine_id: str) -> str:
        """Make a machine's queue, or find it; returns its address."""
        attributes: dict[QueueAttributeNameType, str] = {
            "MessageRetentionPeriod": KEPT,
            "VisibilityTimeout": HIDDEN,
        }
        with translated(f"make the queue of {machine_id}"):
            made = self._sqs.create_queue(
                QueueName=names.standby_queue(self._fleet, machine_id), Attributes=attributes
            )
        return made["QueueUrl"]

    def call(self, address: str) -> None:
        """Have a machine look; an address that is gone is a success."""
        try:
            self._sqs.send_message(QueueUrl=address, MessageBody=CALL)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) not in MISSING:
                raise translate(error, f"call {address}") from error

    def close(self, machine_id: str) -> None:
        """Remove a machine's queue; already gone is a success."""
        try:
            self._sqs.delete_queue(QueueUrl=self.address(machine_id))
        except (ClientError, BotoCoreError) as error:
            if code_of(error) not in MISSING:
                raise translate(error, f"remove the queue of {machine_id}") from error

    def machines(self) -> list[str]:
        """List the machines that have a queue; none, where we may not know.

        Who keeps no pools gives no rights to their queues.
        """
        prefix = names.standby_queue(self._fleet, "")
        ours = re.compile(rf".*/{re.escape(prefix)}(i-[0-9a-f]+)")
        pages = self._sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=f"{prefix}i-", PaginationConfig={"PageSize": PAGE}
        )
        try:
            urls = [url for page in pages for url in page.get("QueueUrls", [])]
        except (ClientError, BotoCoreError) as error:
            if code_of(error) not in DENIED:
                raise translate(error, "list the queues of standby") from error
            log.warning("queues of standby cannot be listed", extra={"reason": code_of(error)})
            urls = []
        return [found[1] for found in map(ours.fullmatch, urls) if found]


class QueuedConfigs:
    """The ConfigStore port of whoever sweeps: with a machine's config goes its queue."""

    def __init__(self, configs: SsmConfigStore, queues: StandbyQueues) -> None:
        self._configs, self._queues = configs, queues

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        """Write the config."""
        self._configs.store(machine_id, config)

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        """Read the config."""
        return self._configs.fetch(machine_id)

    def delete(self, machine_id: str) -> None:
        """Remove the config and the queue; already gone is a success."""
        self._configs.delete(machine_id)
        self._queues.close(machine_id)


class Standby:
    """Tells machines to stand by, and takes away what they needed for it."""

    def __init__(
        self, configs: SsmConfigStore, queues: StandbyQueues, *, report_secret: str, reports: str
    ) -> None:
        self.queues, self.configs = queues, QueuedConfigs(configs, queues)
        self._configs = configs
        self._secret, self._reports = report_secret, reports

    def open(self, member: str, machine_id: str, *, idle_limit: timedelta) -> str:
        """Give a machine its queue and its config; returns where it will wait.

        One that has a config already, of whatever kind, keeps it.
        """
        wake = self.queues.open(machine_id)
        config = StandbyConfig(
            member=member,
            report_key=reports.key(self._secret, member),
            reports=self._reports,
            wake=wake,
            idle_limit=idle_limit.total_seconds(),
        )
        self._configs.stand_by(machine_id, config)
        return wake

    def close(self, machine_id: str) -> None:
        """Take a machine's config and queue away; already gone is a success."""
        self.configs.delete(machine_id)
