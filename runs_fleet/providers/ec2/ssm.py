"""Runner configs in SSM Parameter Store: a SecureString for each machine, by its instance id.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet import names
from runs_fleet.aws.errors import code_of, translate, translated_quietly
from runs_fleet.budget import Budget
from runs_fleet.errors import Refused
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.budgets import AwsBudgets, out_of
from runs_fleet.providers.ec2.codec import Told, Unreadable, decode, encode

if TYPE_CHECKING:
    from types_boto3_ssm.client import SSMClient

MOST_STANDARD = 4096
MOST_ADVANCED = 8192
NOT_FOUND = "ParameterNotFound"
THERE = "ParameterAlreadyExists"


class SsmConfigStore:
    """Parameters below `prefix`, encrypted with `key_id` or the account's own key.

    They bear no tags: PutParameter refuses tags together with Overwrite.
    """

    def __init__(
        self,
        ssm: SSMClient,
        prefix: str,
        *,
        key_id: str | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._ssm = ssm
        self._budget = budget or AwsBudgets().parameters
        self._prefix = prefix
        self._key: dict[str, Any] = {"KeyId": key_id} if key_id else {}

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        """Write the config, in the cheapest tier that holds it. Raises Refused when none does."""
        path = self._path(machine_id)
        with translated_quietly(f"store {path}"):
            self._put(path, config, replace=True)

    def stand_by(self, machine_id: str, config: StandbyConfig) -> None:
        """Tell a machine to stand by, unless it has been told something already.

        So one that is late never takes a runner's config away.
        """
        path = self._path(machine_id)
        try:
            self._put(path, config, replace=False)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) != THERE:
                raise translate(error, f"store {path}", quote=False) from None

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        """Read the runner's config, or None while there is none. Raises Refused when corrupt."""
        found = self.told(machine_id)
        return found if isinstance(found, RunnerConfig) else None

    def told(self, machine_id: str) -> Told | None:
        """Read whatever a machine is told. Raises Refused when it is corrupt."""
        path = self._path(machine_id)
        try:
            answer = self._ssm.get_parameter(Name=path, WithDecryption=True)
            return decode(answer["Parameter"]["Value"])
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == NOT_FOUND:
                return None
            raise translate(error, f"fetch {path}", quote=False) from None
        except Unreadable as error:
            raise Refused(f"fetch {path}: {error}") from None

    def delete(self, machine_id: str) -> None:
        """Remove the config; already gone is a success."""
        path = self._path(machine_id)
        try:
            with out_of(self._budget):
                self._ssm.delete_parameter(Name=path)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) != NOT_FOUND:
                raise translate(error, f"delete {path}") from error

    def _put(self, path: str, config: Told, *, replace: bool) -> None:
        value = encode(config)
        tier = _tier(path, len(value))
        with out_of(self._budget):
            self._ssm.put_parameter(
                Name=path,
                Value=value,
                Type="SecureString",
                Overwrite=replace,
                Tier=tier,
                **self._key,
            )

    def _path(self, machine_id: str) -> str:
        return names.config_path(self._prefix, machine_id)


def _tier(path: str, size: int) -> Literal["Standard", "Advanced"]:
    if size > MOST_ADVANCED:
        raise Refused(f"store {path}: {size} bytes, and a parameter holds {MOST_ADVANCED}")
    return "Standard" if size <= MOST_STANDARD else "Advanced"
