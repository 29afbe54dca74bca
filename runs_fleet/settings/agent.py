"""What the agent on a machine or in a pod is told."""

from pathlib import Path

from runs_fleet.settings.common import LENGTH, Common
from runs_fleet.settings.fields import AbsolutePath, Duration, ParameterPath, setting

SSM_PREFIX = "/runs-fleet/runners"
SSM_PATH = "a parameter path such as /runs-fleet/runners, not below /aws or /ssm"
MOUNT = "the absolute path of a directory"


class AgentSettings(Common):
    """Settings of `runs-fleet-agent`; in a pod the worker sets those of Kubernetes."""

    runner_dir: AbsolutePath = setting(
        "RUNNER_DIR",
        "the absolute path of the directory that holds run.sh",
        default=Path("/opt/actions-runner"),
    )
    ssm_prefix: ParameterPath = setting("EC2_SSM_PREFIX", SSM_PATH, default=SSM_PREFIX)
    config_timeout: Duration = setting("AGENT_CONFIG_TIMEOUT", LENGTH, default="10m")
    stop_grace: Duration = setting("AGENT_STOP_GRACE", LENGTH, default="90s")
    k8s_config_dir: AbsolutePath = setting(
        "K8S_CONFIG_DIR", MOUNT, default=Path("/etc/runs-fleet/config")
    )
    k8s_secrets_dir: AbsolutePath = setting(
        "K8S_SECRETS_DIR", MOUNT, default=Path("/etc/runs-fleet/secrets")
    )
    machine_id: str = setting("MACHINE_ID", "the name of the Job that this pod is of", default="")
    pod_name: str = setting("POD_NAME", "the name of this pod", default="")
