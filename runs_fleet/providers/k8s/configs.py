"""Runner configs in Secrets: one for each Job, of its name, gone with it."""

import base64

from runs_fleet.errors import NotThere, Refused
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import manifests
from runs_fleet.providers.k8s.cluster import SECRETS, Cluster
from runs_fleet.providers.k8s.errors import Taken
from runs_fleet.providers.k8s.files import KEYS, REGISTRATION, registration
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.rest import Json


class K8sConfigStore:
    """Writing is one call: a runner's pod, which waits for its Secret, then starts.

    `reports_ca` proves the report queue to agents, where no public authority does.
    """

    def __init__(
        self, cluster: Cluster, *, owners: Owners | None = None, reports_ca: str = ""
    ) -> None:
        self._cluster = cluster
        self._owners = owners or Owners(cluster)
        self._reports_ca = reports_ca

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        """Write the config; one that is there is replaced. Raises NotThere without a Job."""
        owner = self._owners.of(machine_id)
        body = manifests.secret(machine_id, config, owner=owner, reports_ca=self._reports_ca)
        try:
            self._cluster.create(body)
        except Taken:
            self._cluster.replace(body)

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        """Read the config, or None while there is none. Raises Refused when it is corrupt."""
        try:
            return _config(self._cluster.read(SECRETS, machine_id))
        except NotThere:
            return None
        except (KeyError, ValueError) as error:
            raise Refused(f"Secret {machine_id} is corrupt ({type(error).__name__})") from None

    def delete(self, machine_id: str) -> None:
        """Remove the config; already gone is a success."""
        self._cluster.delete(SECRETS, machine_id)


class OwnedConfigStore(K8sConfigStore):
    """For whoever removes the machine as well: one call removes the Job and all that it owns."""

    def delete(self, machine_id: str) -> None:
        """Leave it to the removal of its Job; a Secret that comes too late has no owner, and goes.

        https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents
        """


def _config(secret: Json) -> RunnerConfig:
    texts = {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}
    if missing := [key for key in KEYS if key not in texts]:
        raise KeyError(missing[0])
    return RunnerConfig(
        runner=texts["runner"],
        jit_config=texts["jit_config"],
        report_key=texts["report_key"],
        reports=texts["reports"],
        idle_limit=float(texts["idle_limit"]),
        max_runtime=float(texts["max_runtime"]),
        registration=registration(texts.get(REGISTRATION)),
    )
