"""Definitions of pools in a DynamoDB table, an item for each pool of a fleet."""

from collections.abc import Iterator
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import code_of, translate, translated
from runs_fleet.pools import stores
from runs_fleet.pools.definition import PoolDefinition

# `definition` is a word of DynamoDB's own.
FLEET, POOL, DEFINITION = "fleet", "pool", "pool_definition"
OTHERWISE = "ConditionalCheckFailedException"
Condition = dict[str, Any]


class DynamoDb(Protocol):
    """What is used of boto3's client."""

    def put_item(self, **request: Any) -> Any: ...

    def delete_item(self, **request: Any) -> Any: ...

    def query(self, **request: Any) -> Any: ...


class DynamoPoolStore:
    """The PoolStore port. The table's keys are the texts `fleet` and, to sort by, `pool`."""

    def __init__(self, client: DynamoDb, table: str, *, fleet: str) -> None:
        self._client, self._table, self._fleet = client, table, fleet
        self._where = f"table {table}"
        self._sight = stores.Sight()

    def load(self) -> list[PoolDefinition]:
        """Read all definitions of the fleet."""
        with translated(f"read the pools in {self._where}"):
            texts = {item[POOL]["S"]: item[DEFINITION]["S"] for item in self._items()}
        self._sight.all(texts)
        return stores.read(texts, self._where)

    def put(self, definition: PoolDefinition) -> None:
        """Keep a definition, instead of the one of the same name."""
        name, text = definition.name, stores.written(definition)
        item = {**self._key(name), DEFINITION: {"S": text}}
        condition = _condition(self._sight.expected(name, text))
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == OTHERWISE:
                stores.overtaken(name, self._where)
            raise translate(error, f"keep pool {name} in {self._where}") from error
        self._sight.one(name, text)

    def remove(self, name: str) -> None:
        """Forget a definition; already forgotten is a success."""
        with translated(f"remove pool {name} from {self._where}"):
            self._client.delete_item(TableName=self._table, Key=self._key(name))
        self._sight.one(name, None)

    def _items(self) -> Iterator[dict[str, Any]]:
        more: dict[str, Any] = {}
        while True:
            page = self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression=f"{FLEET} = :fleet",
                ExpressionAttributeValues={":fleet": {"S": self._fleet}},
                **more,
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _key(self, name: str) -> dict[str, dict[str, str]]:
        return {FLEET: {"S": self._fleet}, POOL: {"S": name}}


def _condition(expected: tuple[str | None, ...] | None) -> Condition:
    """Write only over what is expected; over anything when nothing is."""
    if expected is None:
        return {}
    texts = {f":t{at}": {"S": text} for at, text in enumerate(expected) if text is not None}
    allowed = [f"{DEFINITION} = {name}" for name in texts]
    if None in expected:
        allowed.append(f"attribute_not_exists({DEFINITION})")
    return {"ConditionExpression": " OR ".join(allowed), "ExpressionAttributeValues": texts}
