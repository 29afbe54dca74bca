"""The power switch between instances and the machine processes that play them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator.aws.environment import aws_env
from simulator.aws.models import AgentPlan, AwsConfig
from simulator.machines import boot
from simulator.machines.host import MachineHost

if TYPE_CHECKING:
    from simulator.aws.instances import Instance

APP = "agent"


def supply(config: AwsConfig, url: str) -> Power:
    """Give a world the machines that its configuration asks for."""
    return ProcessPower(config.agent, config=config, url=url) if config.agent else NoPower()


class Power(Protocol):
    """Runs what a machine runs."""

    def on(self, instance: Instance, extra: dict[str, str]) -> None:
        """Boot; `extra` is added to the agent's environment."""

    def press(self, instance: Instance) -> None:
        """Ask the machine to shut down."""

    def cut(self, instance: Instance) -> None:
        """Kill everything that the machine runs; already off is a success."""

    def is_on(self, instance: Instance) -> bool:
        """Tell whether anything of the machine may still run."""
        ...

    def wait(self) -> None:
        """Wait until machines can be booted."""

    def close(self) -> None:
        """End every machine."""


class NoPower:
    """Machines that run nothing."""

    def on(self, instance: Instance, extra: dict[str, str]) -> None:
        """Do nothing."""

    def press(self, instance: Instance) -> None:
        """Do nothing."""

    def cut(self, instance: Instance) -> None:
        """Do nothing."""

    def is_on(self, instance: Instance) -> bool:
        """Nothing runs."""
        return False

    def wait(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class ProcessPower:
    """Machines that are process trees under a fork server."""

    def __init__(self, plan: AgentPlan, *, config: AwsConfig, url: str) -> None:
        self._plan = plan
        self._config = config
        self._url = url
        self._home = Path(config.home)
        self._instances: dict[str, Instance] = {}
        self._host = MachineHost(
            log=self._home / "machines.log", preload=plan.preload, on_news=self._heard
        )
        self._host.start()

    def wait(self) -> None:
        """Wait for the fork server."""
        self._host.wait()

    def close(self) -> None:
        """End every machine."""
        self._host.close()

    def on(self, instance: Instance, extra: dict[str, str]) -> None:
        """Boot the agent with a clean environment of its own."""
        self._instances[instance.instance_id] = instance
        home = self._home / "machines" / instance.instance_id
        self._host.boot(
            boot.Boot(
                machine=instance.instance_id,
                home=str(home),
                env={**self._env(instance, home), **extra},
                module=self._plan.module,
                command=self._plan.command,
                runner=self._plan.runner,
            )
        )

    def press(self, instance: Instance) -> None:
        """Send SIGTERM to the agent."""
        self._host.power(instance.instance_id, boot.Power(do="off", machine=instance.instance_id))

    def cut(self, instance: Instance) -> None:
        """Send SIGKILL to the whole tree."""
        self._host.power(instance.instance_id, boot.Power(do="cut", machine=instance.instance_id))

    def is_on(self, instance: Instance) -> bool:
        """Tell whether the tree is still there."""
        return self._host.is_on(instance.instance_id)

    def _env(self, instance: Instance, home: Path) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **aws_env(self._url, region=self._config.region, app=APP),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self._url}/_imds/{instance.instance_id}",
            "RUNS_FLEET_RUNNER_DIR": str(home / "actions-runner"),
            "RUNS_FLEET_EC2_SSM_PREFIX": self._config.ssm_prefix,
        }

    def _heard(self, news: boot.News) -> None:
        instance = self._instances.get(news.machine)
        if instance is None:
            return
        takes: dict[str, Callable[[], None]] = {
            "started": lambda: setattr(instance, "agent_pid", news.pid),
            "agent_ended": lambda: setattr(instance, "agent_code", news.code),
        }
        takes.get(news.event, lambda: None)()
