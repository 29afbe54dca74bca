"""`runs-fleet-agent`: the agent of one machine or pod, from its start to its end.

What only one kind of host needs is imported when that host is found: an agent on EC2 never loads
redis, one in a pod never boto3, and its runner starts the sooner for it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent.endings import Ending
from agent.host_k8s import K8sHost, in_pod
from agent.life import Agent, Pace
from runs_fleet import logs
from runs_fleet.settings import AgentSettings, BadSettings, load_agent

if TYPE_CHECKING:
    from types import FrameType

    from agent.host import Host
    from runs_fleet.ports import Outbox

    Place = tuple[Host, Callable[[str], Outbox]]

# A pod has half a minute besides the runner's grace, for all that comes after it.
POD_DRAIN = 15.0
# As long as SQS waits: three calls a minute.
LONGEST_POLL = 20

USAGE = """usage: runs-fleet-agent

Starts this machine's or pod's one runner, and ends the machine after it. It takes no arguments:
everything comes from the environment (RUNS_FLEET_*) and from what the fleet left for this machine.
It begins at once, so start it only on a machine that the fleet has made.
"""

log = logging.getLogger(__name__)


def on_ec2(settings: AgentSettings) -> Place:
    """Find the EC2 instance that this is, and how it sends reports."""
    from agent.aws import Aws
    from agent.host_ec2 import Ec2Host
    from agent.imds import Metadata, endpoint
    from runs_fleet.providers.ec2.own import OwnMachine
    from runs_fleet.providers.ec2.ssm import SsmConfigStore
    from runs_fleet.queues.sqs import SqsInbox, SqsOutbox

    metadata = Metadata(endpoint(os.environ))
    aws = Aws(metadata, os.environ)
    host = Ec2Host(
        metadata,
        store=lambda: SsmConfigStore(aws.ssm(), settings.ssm_prefix),
        terminator=lambda: OwnMachine(aws.ec2()),
        calls=lambda url: SqsInbox(aws.polling(), url, wait=LONGEST_POLL),
    )
    return host, lambda url: SqsOutbox(aws.sqs(), url)


def on_k8s(settings: AgentSettings) -> Place:
    """Find the pod that this is, and how it sends reports."""
    from runs_fleet.providers.k8s import files

    def stream(url: str) -> Outbox:
        # Loaded by the thread that sends, while run.sh starts.
        from runs_fleet.queues.valkey import outbox_at

        return outbox_at(url, files.reports_ca(settings.k8s_secrets_dir))

    facts = files.facts(settings.k8s_config_dir)
    log.info("in a pod", extra={"pod": settings.pod_name, **facts})
    host = K8sHost(
        settings.machine_id or settings.pod_name,
        lambda: files.from_files(settings.k8s_secrets_dir),
    )
    return host, stream


def make_agent(settings: AgentSettings) -> Agent:
    """Wire an agent for the place that it finds itself in."""
    k8s = settings.mode == "k8s"
    host, outbox = on_k8s(settings) if k8s else on_ec2(settings)
    return Agent(
        host,
        outbox,
        runner_dir=settings.runner_dir,
        environ=os.environ,
        pace=Pace(
            config_timeout=settings.config_timeout.total_seconds(),
            stop_grace=settings.stop_grace.total_seconds(),
            report_drain=POD_DRAIN if k8s else Pace.report_drain,
        ),
    )


def read_settings(environ: Mapping[str, str]) -> AgentSettings:
    """Read the settings, with the mode that this place shows when none is told."""
    found = {"RUNS_FLEET_MODE": "k8s"} if in_pod(environ) else {}
    return load_agent({**environ, **found})


def _on_stop(what: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, what)


def main() -> int:
    """Return how it ended, as `Ending` lists it; on EC2 only whether the machine was ended."""
    if arguments := sys.argv[1:]:
        helped = arguments in (["-h"], ["--help"])
        (sys.stdout if helped else sys.stderr).write(USAGE)
        return Ending.DONE if helped else Ending.BAD_SETTINGS
    try:
        settings = read_settings(os.environ)
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        return Ending.BAD_SETTINGS
    logs.configure(settings.log_format, settings.log_level)
    agent = make_agent(settings)
    _on_stop(lambda *_: agent.terminate())
    ending = agent.run()
    # A Job goes as soon as its end is known, so a kubelet often asks an agent to end that is about
    # to. Python gives a signal back to the system on its way out, but leaves an ignored one alone.
    _on_stop(signal.SIG_IGN)
    # An init system should not call a machine failed that has been told to go.
    return ending if settings.mode == "k8s" or ending is Ending.STUCK else Ending.DONE


if __name__ == "__main__":
    sys.exit(main())
