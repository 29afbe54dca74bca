"""The one connection of a process to its cluster."""

from pathlib import Path
from typing import Any

import kubernetes.config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException
from yaml import YAMLError

from runs_fleet.errors import Refused

# The client's package is typed, these functions of it are not.
_LOADERS: Any = kubernetes.config


def connect(kubeconfig: Path | None = None, *, pool: int = 64) -> ApiClient:
    """Make a client from a kubeconfig's current context, or from the pod that this runs in.

    It talks to nobody yet. `pool` connections are kept open. Raises Refused.
    """
    configuration, loaders = Configuration(), _LOADERS
    try:
        if kubeconfig is None:
            loaders.load_incluster_config(client_configuration=configuration)
        else:
            loaders.load_kube_config(str(kubeconfig), client_configuration=configuration)
    except (ConfigException, YAMLError, OSError, ValueError) as error:
        where = kubeconfig or "the service account of this pod"
        raise Refused(f"no way to the cluster by {where}: {error}") from error
    configuration.connection_pool_maxsize = pool
    # Whoever asks knows what may be asked twice.
    configuration.retries = False
    return ApiClient(configuration)
