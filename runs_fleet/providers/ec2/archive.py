"""How jobs went, in a DynamoDB table: one item for each job, which DynamoDB lets go of in time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import code_of, translate, translated
from runs_fleet.outcomes import JobOutcome

KEPT = timedelta(days=90)
KEY, OUTCOME, EXPIRES = "job_id", "outcome", "expires_at"
THERE = "ConditionalCheckFailedException"


class DynamoDb(Protocol):
    """What is used of boto3's client."""

    def put_item(self, **request: Any) -> Any: ...

    def get_item(self, **request: Any) -> Any: ...


def _now() -> datetime:
    return datetime.now(UTC)


class DynamoArchive:
    """The Archive port. The table's key is the number `job_id`, its TTL attribute `expires_at`.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
    """

    def __init__(
        self,
        client: DynamoDb,
        table: str,
        *,
        kept: timedelta = KEPT,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._client, self._table, self._kept, self._now = client, table, kept, now

    def put(self, outcome: JobOutcome) -> None:
        """Keep an outcome; one that is kept already stays as it is."""
        item = {
            **_key(outcome.job_id),
            OUTCOME: {"S": outcome.model_dump_json(exclude_defaults=True)},
            EXPIRES: {"N": str(int((self._now() + self._kept).timestamp()))},
        }
        missing = f"attribute_not_exists({KEY})"
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=missing)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) != THERE:
                raise translate(error, f"keep the outcome of job {outcome.job_id}") from error

    def get(self, job_id: int) -> JobOutcome | None:
        """Look an outcome up; DynamoDB takes up to two days to let go of one that is too old."""
        with translated(f"look up the outcome of job {job_id}"):
            found = self._client.get_item(
                TableName=self._table, Key=_key(job_id), ConsistentRead=True
            )
        item = found.get("Item")
        if item is None or int(item[EXPIRES]["N"]) <= self._now().timestamp():
            return None
        return JobOutcome.model_validate_json(item[OUTCOME]["S"])


def _key(job_id: int) -> dict[str, dict[str, str]]:
    return {KEY: {"N": str(job_id)}}
