"""What a worker of Kubernetes mode does in the runners' namespace: all of it, in one place."""

from collections.abc import Iterator
from typing import NamedTuple


class Right(NamedTuple):
    """One verb on one kind of objects."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """Name it as a Role does."""
        return f"{self.verb} {self.resource}{self.group and '.'}{self.group}"


# (API group, resource, verbs)
ROLE = (
    ("batch", "jobs", ("create", "delete", "get", "list", "watch")),
    ("", "pods", ("get", "list", "watch")),
    ("", "events", ("list", "watch")),
    ("", "configmaps", ("create", "delete", "get", "list", "update")),
    ("", "secrets", ("create", "delete", "get", "list", "update")),
    ("", "persistentvolumeclaims", ("create", "delete", "get", "list")),
    ("apps", "deployments", ("create", "delete", "get", "list", "patch")),
    ("networking.k8s.io", "networkpolicies", ("create", "delete", "get", "list")),
    ("coordination.k8s.io", "leases", ("create", "get", "update")),
)


def needed() -> Iterator[Right]:
    """List every right that the worker uses."""
    for group, resource, verbs in ROLE:
        for verb in verbs:
            yield Right(group, resource, verb)
