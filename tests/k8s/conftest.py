"""The fixtures of tests that need Kubernetes."""

from tests.k8s.place import api, cluster, configs, owners, provider, site
from tests.k8s.tables import dynamodb
from tests.kube.cluster import (
    control_plane,
    namespace,
    privileged_namespace,
    pytest_collection_modifyitems,
)

__all__ = [
    "api",
    "cluster",
    "configs",
    "control_plane",
    "dynamodb",
    "namespace",
    "owners",
    "privileged_namespace",
    "provider",
    "pytest_collection_modifyitems",
    "site",
]
