"""What the agent on a machine is told."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from runs_fleet.settings.common import LENGTH, Common
from runs_fleet.settings.fields import Duration, ParameterPath, setting

SSM_PREFIX = "/runs-fleet/runners"
SSM_PATH = "a parameter path such as /runs-fleet/runners, not below /aws or /ssm"


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


class AgentSettings(Common):
    """Settings of `runs-fleet-agent`."""

    runner_dir: Annotated[Path, AfterValidator(_absolute)] = setting(
        "RUNNER_DIR",
        "the absolute path of the directory that holds run.sh",
        default=Path("/opt/actions-runner"),
    )
    ssm_prefix: ParameterPath = setting("EC2_SSM_PREFIX", SSM_PATH, default=SSM_PREFIX)
    config_timeout: Duration = setting("AGENT_CONFIG_TIMEOUT", LENGTH, default="10m")
    stop_grace: Duration = setting("AGENT_STOP_GRACE", LENGTH, default="90s")
