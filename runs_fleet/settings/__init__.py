"""What an operator sets, read from `RUNS_FLEET_*` variables, one process at a time."""

from runs_fleet.settings.agent import AgentSettings
from runs_fleet.settings.api import ApiSettings
from runs_fleet.settings.fields import LaunchTemplate
from runs_fleet.settings.k8s import K8sSettings
from runs_fleet.settings.loading import BadSettings, load_agent, load_api, load_worker
from runs_fleet.settings.worker import Ec2Settings

__all__ = [
    "AgentSettings",
    "ApiSettings",
    "BadSettings",
    "Ec2Settings",
    "K8sSettings",
    "LaunchTemplate",
    "load_agent",
    "load_api",
    "load_worker",
]
