"""Where an operator's commands keep definitions of pools: the same place that workers read."""

from collections.abc import Mapping
from pathlib import Path

from runs_fleet import names
from runs_fleet.errors import Refused
from runs_fleet.models import Mode
from runs_fleet.pools.ports import PoolStore

FLEET = "RUNS_FLEET_FLEET"
TABLE = "RUNS_FLEET_EC2_POOLS_TABLE"
NAMESPACE, KUBECONFIG = "RUNS_FLEET_K8S_NAMESPACE", "RUNS_FLEET_K8S_KUBECONFIG"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
NEEDED: Mapping[Mode, str] = {"ec2": TABLE, "k8s": f"{NAMESPACE} or {KUBECONFIG}"}
OWN_NAMESPACE = "runs-fleet"


def opened(environ: Mapping[str, str], mode: Mode) -> PoolStore | None:
    """Open the store that a worker's variables name; None where they name none.

    Raises Refused when it cannot be opened.
    """
    fleet = environ.get(FLEET) or names.DEFAULT_FLEET
    if mode == "ec2":
        table = environ.get(TABLE)
        region = next(filter(None, map(environ.get, REGIONS)), None)
        return _table(table, region, fleet) if table else None
    if environ.get(NAMESPACE) or environ.get(KUBECONFIG):
        kubeconfig, namespace = environ.get(KUBECONFIG), environ.get(NAMESPACE)
        return _config_map(kubeconfig, namespace or OWN_NAMESPACE, fleet)
    return None


def _table(table: str, region: str | None, fleet: str) -> PoolStore:
    import boto3
    from botocore.exceptions import BotoCoreError

    from runs_fleet.aws.clients import tables
    from runs_fleet.providers.ec2.pool_store import DynamoPoolStore

    try:
        client = tables(boto3.Session(region_name=region))
    except BotoCoreError as error:
        raise Refused(f"table {table} cannot be reached: {error}") from error
    return DynamoPoolStore(client, table, fleet=fleet)


def _config_map(kubeconfig: str | None, namespace: str, fleet: str) -> PoolStore:
    # The client of Kubernetes is a second's import.
    from runs_fleet.providers.k8s.client import connect
    from runs_fleet.providers.k8s.cluster import Cluster
    from runs_fleet.providers.k8s.pool_store import K8sPoolStore
    from runs_fleet.providers.k8s.rest import Rest

    client = connect(Path(kubeconfig) if kubeconfig else None)
    return K8sPoolStore(Cluster(Rest(client), namespace), fleet=fleet)
