"""The parameter store of SSM, with the size limits that moto lacks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import time
from typing import Any

from simulator.aws.errors import AwsError
from simulator.aws.models import Parameter
from simulator.aws.paging import page

Params = dict[str, Any]
Result = dict[str, Any]
LIMITS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
PAGE = 10
LONGEST_NAME = 1011
DEEPEST = 15


@dataclass
class _Stored:
    name: str
    value: str
    kind: str
    tier: str
    version: int
    at: float

    def view(self, *, decrypt: bool) -> Result:
        secret = self.kind == "SecureString" and not decrypt
        return {**self.meta(), "Value": "AQICAHh+encrypted" if secret else self.value}

    def meta(self) -> Result:
        return {
            "Name": self.name,
            "Type": self.kind,
            "Version": self.version,
            "LastModifiedDate": self.at,
            "DataType": "text",
        }


class Ssm:
    """Parameters by name; keeps count of what was done to each, never an old value."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stored: dict[str, _Stored] = {}
        self._history: dict[str, Parameter] = {}
        self._actions: dict[str, Callable[[Params], Result]] = {
            "PutParameter": self.put_parameter,
            "GetParameter": self.get_parameter,
            "GetParameters": self.get_parameters,
            "GetParametersByPath": self.get_parameters_by_path,
            "DescribeParameters": self.describe_parameters,
            "DeleteParameter": self.delete_parameter,
            "DeleteParameters": self.delete_parameters,
        }

    def plays(self, action: str) -> bool:
        """Tell whether an action is one of ours."""
        return action in self._actions

    def play(self, action: str, params: Params) -> Result:
        """Do one action, alone."""
        with self._lock:
            return self._actions[action](params)

    def history(self) -> dict[str, Parameter]:
        """Tell of every name that was ever written."""
        with self._lock:
            return {
                name: entry.model_copy(update={"there": name in self._stored})
                for name, entry in self._history.items()
            }

    def put_parameter(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html."""
        name: str = params["Name"]
        tier = params.get("Tier") or "Standard"
        before = self._stored.get(name)
        _check(params, tier)
        if before is not None and not params.get("Overwrite"):
            message = (
                "The parameter already exists. To overwrite this value, set the overwrite option "
                "in the request to true."
            )
            raise AwsError("ParameterAlreadyExists", message)
        version = before.version + 1 if before else 1
        kind = params.get("Type") or (before.kind if before else "String")
        self._stored[name] = _Stored(name, params["Value"], kind, tier, version, time())
        self._history.setdefault(name, Parameter()).written += 1
        return {"Version": version, "Tier": tier}

    def get_parameter(self, params: Params) -> Result:
        """Read one parameter."""
        found = self._found(params["Name"])
        self._history[found.name].read += 1
        return {"Parameter": found.view(decrypt=bool(params.get("WithDecryption")))}

    def get_parameters(self, params: Params) -> Result:
        """Read several parameters."""
        there, missing = self._split(params["Names"])
        decrypt = bool(params.get("WithDecryption"))
        return {
            "Parameters": [p.view(decrypt=decrypt) for p in there],
            "InvalidParameters": missing,
        }

    def get_parameters_by_path(self, params: Params) -> Result:
        """Read what is below a path."""
        path = params["Path"].rstrip("/") + "/"
        below = [p for name, p in sorted(self._stored.items()) if name.startswith(path)]
        if not params.get("Recursive"):
            below = [p for p in below if "/" not in p.name.removeprefix(path)]
        decrypt = bool(params.get("WithDecryption"))
        return _paged(params, "Parameters", [p.view(decrypt=decrypt) for p in below])

    def describe_parameters(self, params: Params) -> Result:
        """List names without values; filters by Name and Path, as sweeps need them."""
        found: Iterable[_Stored] = (p for _, p in sorted(self._stored.items()))
        for wanted in params.get("ParameterFilters") or ():
            found = [p for p in found if _matches(p.name, wanted)]
        return _paged(params, "Parameters", [{**p.meta(), "Tier": p.tier} for p in found])

    def delete_parameter(self, params: Params) -> Result:
        """Remove one parameter."""
        self._remove(self._found(params["Name"]))
        return {}

    def delete_parameters(self, params: Params) -> Result:
        """Remove several parameters; those that are not there are told."""
        there, missing = self._split(params["Names"])
        for found in there:
            self._remove(found)
        return {"DeletedParameters": [p.name for p in there], "InvalidParameters": missing}

    def _remove(self, found: _Stored) -> None:
        del self._stored[found.name]
        self._history[found.name].deleted += 1

    def _found(self, name: str) -> _Stored:
        if name not in self._stored:
            raise AwsError("ParameterNotFound", f"Parameter {name} not found.")
        return self._stored[name]

    def _split(self, names: list[str]) -> tuple[list[_Stored], list[str]]:
        if len(names) > PAGE:
            raise AwsError("ValidationException", f"at most {PAGE} names")
        there = [self._stored[name] for name in names if name in self._stored]
        return there, [name for name in names if name not in self._stored]


def _check(params: Params, tier: str) -> None:
    name: str = params["Name"]
    if len(name) > LONGEST_NAME or name.count("/") > DEEPEST:
        message = f"Parameter name of {len(name)} characters is too long or has too many levels"
        raise AwsError("ValidationException", message)
    if params.get("Overwrite") and params.get("Tags"):
        message = (
            "Invalid request: tags and overwrite can't be used together. To create a parameter "
            "with tags, please remove overwrite flag."
        )
        raise AwsError("ValidationException", message)
    limit = LIMITS.get(tier, LIMITS["Standard"])
    if len(params["Value"].encode()) > limit:
        raise AwsError("ValidationException", _too_large(tier, limit))


def _too_large(tier: str, limit: int) -> str:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html."""
    message = f"{tier} tier parameters support a maximum parameter value of {limit} characters."
    if tier != "Standard":
        return message
    return (
        f"{message} To create a larger parameter value, upgrade the parameter to use the "
        "advanced-parameter tier. For more information, see https://docs.aws.amazon.com/"
        "systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
    )


def _matches(name: str, wanted: Params) -> bool:
    values = wanted.get("Values") or []
    if wanted["Key"] == "Path":
        return any(name.startswith(value.rstrip("/") + "/") for value in values)
    if wanted["Key"] == "Name":
        begins = wanted.get("Option") == "BeginsWith"
        return any(name.startswith(v) if begins else name == v for v in values)
    raise AwsError("InvalidFilterKey", f"The filter key {wanted['Key']} is not played here.")


def _paged(params: Params, key: str, items: list[Result]) -> Result:
    most = int(params.get("MaxResults") or PAGE)
    shown, after = page(items, most=most, token=params.get("NextToken"))
    return {key: list(shown), **({"NextToken": after} if after else {})}
