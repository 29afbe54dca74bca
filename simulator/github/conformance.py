"""Every reply and payload held against GitHub's own OpenAPI description."""

import json
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs

from simulator.github.bodies import DATA

Json = dict[str, Any]
ANY_ERROR = {"$ref": "#/components/schemas/basic-error"}


class Contract:
    """The copied subset of the description; validators are compiled once each, on first use."""

    def __init__(self) -> None:
        described: Json = json.loads((DATA / "openapi.json").read_text())
        _mend(described)
        self._spec: Json = as_json_schema(described)
        self._replies = lru_cache(maxsize=None)(self._reply_validator)
        self._events = lru_cache(maxsize=None)(self._event_validator)
        self.violations: list[str] = []

    def reply(self, operation: tuple[str, str], status: int, body: Any) -> None:
        """Check one answer of REST; operations outside of the subset are not checked."""
        validator = self._replies(operation, status)
        if validator is not None:
            self._note(validator, body, f"{operation[0]} {operation[1]} {status}")

    def event(self, name: str, action: str | None, body: Any) -> None:
        """Check one webhook payload."""
        validator = self._events(f"{name}-{action}" if action else name)
        if validator is not None:
            self._note(validator, body, f"webhook {name}.{action}")

    def _note(self, validator: jsonschema_rs.Validator, body: Any, what: str) -> None:
        if validator.is_valid(body):
            return
        for error in validator.iter_errors(body):
            where = "/".join(map(str, error.instance_path))
            self.violations.append(f"{what}: {where}: {error.message[:300]}")

    def _reply_validator(
        self, operation: tuple[str, str], status: int
    ) -> jsonschema_rs.Validator | None:
        method, template = operation
        described = self._spec["paths"].get(template, {}).get(method.lower())
        if described is None:
            return None
        reply = described["responses"].get(str(status))
        if reply is None:
            # What every operation may answer is documented in prose only.
            failed = status >= HTTPStatus.BAD_REQUEST
            return self._compile(ANY_ERROR if failed else {"not": {}})
        if "$ref" in reply:
            reply = self._spec["components"]["responses"][reply["$ref"].rpartition("/")[2]]
        content = reply.get("content", {}).get("application/json")
        return self._compile(content["schema"] if content else {"type": "null"})

    def _event_validator(self, key: str) -> jsonschema_rs.Validator | None:
        described = self._spec["x-webhooks"].get(key.replace("_", "-"))
        if described is None:
            return None
        content = described["post"]["requestBody"]["content"]["application/json"]
        return self._compile(content["schema"])

    def _compile(self, schema: Json) -> jsonschema_rs.Validator:
        components = {"components": self._spec["components"]}
        return jsonschema_rs.Draft202012Validator(schema | components, validate_formats=True)


def _mend(described: Json) -> None:
    # The description wants the accounts of this one list to be a user and an enterprise at once.
    reply = described["paths"]["/app/installations"]["get"]["responses"]["200"]
    items = {"$ref": "#/components/schemas/installation"}
    reply["content"]["application/json"]["schema"] = {"type": "array", "items": items}


def as_json_schema(node: Any) -> Any:
    """Turn OpenAPI 3.0's `nullable` into what JSON Schema knows."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    done = {key: as_json_schema(value) for key, value in node.items() if key != "example"}
    if done.get("nullable") is not True:
        return done
    del done["nullable"]
    return {"anyOf": [done, {"type": "null"}]}
