"""The fixtures of tests that need Kubernetes."""

from tests.kube.cluster import (
    control_plane,
    namespace,
    nodes,
    privileged_namespace,
    pytest_collection_modifyitems,
)

__all__ = [
    "control_plane",
    "namespace",
    "nodes",
    "privileged_namespace",
    "pytest_collection_modifyitems",
]
