"""A whole world on this machine: GitHub, clouds, Temporal, and runs-fleet as its processes."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from pydantic import BaseModel

from runs_fleet.models import Mode
from simulator.aws.client import AwsWorld
from simulator.aws.models import AgentPlan, AwsConfig, Levers
from simulator.balancer import Balancer
from simulator.clouds import Cloud
from simulator.github.plans import Settings
from simulator.github.world import GitHubWorld
from simulator.kube.nodes import Nodes
from simulator.kube.world import KubePlan, KubeWorld
from simulator.ports import free_port
from simulator.processes import die_with_parent, end, wait_for_port
from simulator.runner.installation import install
from simulator.temporal import TemporalServer

# A demo should not take the patience of production.
QUICK = {
    "RUNS_FLEET_THEFT_GRACE": "5s",
    "RUNS_FLEET_FINISH_GRACE": "5s",
    "RUNS_FLEET_BUSY_LOOK": "2s",
    "RUNS_FLEET_RETRY_LEAST": "1s",
}
GENEROUS = Settings(
    lease_ttl=3, secondary_points=100_000, core_limit=100_000, registration_limit=100_000
)
OURS = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")


class Plan(BaseModel):
    """What the world is like.

    The first of several `modes` is where jobs go that name none; each has workers of its own. With
    a `kubeconfig` somebody else's cluster is used; if `troubled`, a proxy stands before ours, and
    with `audit` our API server writes down each call.
    `database` makes Temporal survive a kill -9; without `agents` machines run nothing. Before
    several `apis` stands a load balancer.
    """

    seed: int = 1
    modes: tuple[Mode, ...] = ("ec2",)
    kubeconfig: Path | None = None
    troubled: bool = False
    audit: bool = False
    apis: int = 1
    workers: int = 1
    ui: bool = False
    database: bool = False
    agents: bool = True
    env: dict[str, str] = {}
    levers: Levers = Levers()
    github: Settings = GENEROUS


class World:
    """Starts everything on free ports; leaving the context ends everything.

    Logs of all parts are in `home`, a temporary directory unless given.
    """

    def __init__(self, plan: Plan | None = None, *, home: Path | None = None) -> None:
        self.plan = plan or Plan()
        self._stack = ExitStack()
        self._temporary = tempfile.TemporaryDirectory(prefix="runs-fleet-") if not home else None
        self.home = home or Path(self._temporary.name if self._temporary else "")
        database = self.home / "temporal.db" if self.plan.database else None
        self.temporal = TemporalServer(database=database, ui=self.plan.ui)
        agent = AgentPlan(runner=str(self.home / "actions-runner"))
        config = AwsConfig(
            seed=self.plan.seed,
            agent=agent if self.plan.agents else None,
            levers=self.plan.levers,
        )
        self.aws = AwsWorld(config, home=self.home / "aws")
        self.kube = KubeWorld(
            self.home / "kube",
            runner=self.home / "actions-runner",
            kubeconfig=self.plan.kubeconfig,
            plan=KubePlan(
                troubled=self.plan.troubled, audit=self.plan.audit, agents=self.plan.agents
            ),
        )
        self.github = GitHubWorld(
            seed=self.plan.seed, settings=self.plan.github, directory=self.home
        )
        self.apis: dict[int, subprocess.Popen[bytes]] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.api_ports = [free_port() for _ in range(self.plan.apis)]
        self._balancer = Balancer(self.api_ports) if self.plan.apis > 1 else None
        self.report_secret = secrets.token_urlsafe(32)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def api(self) -> subprocess.Popen[bytes] | None:
        """The first API."""
        return self.apis.get(0)

    @property
    def nodes(self) -> Nodes | None:
        """The simulated nodes, if there are any."""
        return self.kube.nodes

    @property
    def clouds(self) -> list[Cloud]:
        """Where machines are, of each mode."""
        own: dict[Mode, Cloud] = {"ec2": self.aws, "k8s": self.kube}
        return [own[mode] for mode in self.plan.modes]

    @property
    def webhook_url(self) -> str:
        """Where GitHub delivers."""
        port = self._balancer.port if self._balancer else self.api_ports[0]
        return f"http://127.0.0.1:{port}/webhook"

    def start(self) -> None:
        """Start the outside first, then the product, and wait until it takes webhooks."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self._temporary is not None:
            self._stack.callback(self._temporary.cleanup)
        install(self.home / "actions-runner")
        self._stack.enter_context(self.temporal)
        if "ec2" in self.plan.modes:
            self._stack.enter_context(self.aws)
        if "k8s" in self.plan.modes:
            self._stack.enter_context(self.kube)
        self._stack.enter_context(self.github)
        if self._balancer is not None:
            self._stack.enter_context(self._balancer)
        self._stack.callback(self._stop_product)
        for number in range(self.plan.apis):
            self.start_api(number)
        for mode in self.plan.modes:
            for _ in range(self.plan.workers):
                self.start_worker(mode=mode)
        self.github.deliver_to(self.webhook_url)
        self._wait_ready()

    def start_api(self, number: int = 0) -> None:
        """Start the webhook API, or one of its replicas."""
        self.apis[number] = self._product("api", {"RUNS_FLEET_PORT": str(self.api_ports[number])})

    def kill_api(self, number: int = 0) -> None:
        """Kill one API without a word."""
        _kill(self.apis[number])

    def start_worker(
        self, number: int | None = None, *, mode: Mode | None = None
    ) -> subprocess.Popen[bytes]:
        """Start one more worker, or one in the place of a dead one, of this mode or the first."""
        more = {"RUNS_FLEET_METRICS_PORT": "0", "RUNS_FLEET_MODE": mode or self.plan.modes[0]}
        worker = self._product("worker", more)
        if number is None:
            self.workers.append(worker)
        else:
            self.workers[number] = worker
        return worker

    def kill_worker(self, number: int) -> None:
        """Kill one worker without a word; its place stays."""
        _kill(self.workers[number])

    def kill_workers(self) -> None:
        """Kill every worker without a word, as a lost node does."""
        for worker in self.workers:
            _kill(worker)
        self.workers.clear()

    def env(self) -> dict[str, str]:
        """Spell this world for a process of runs-fleet."""
        ours = {name: value for name in OURS if (value := os.environ.get(name))}
        return {
            **ours,
            **QUICK,
            **self.github.env(),
            **(self.aws.set_up().env() if "ec2" in self.plan.modes else {}),
            **(self.kube.env() if "k8s" in self.plan.modes else {}),
            "RUNS_FLEET_MODE": self.plan.modes[0],
            "RUNS_FLEET_BACKENDS": ",".join(self.plan.modes),
            "TEMPORAL_ADDRESS": self.temporal.address,
            "RUNS_FLEET_HOST": "127.0.0.1",
            "RUNS_FLEET_METRICS_HOST": "127.0.0.1",
            "RUNS_FLEET_REPORT_SECRET": self.report_secret,
            # A registration costs five of the points that this GitHub gives.
            "RUNS_FLEET_GITHUB_REGISTRATIONS": str(self.plan.github.secondary_points // 5),
            **self.plan.env,
        }

    def _product(self, command: str, more: dict[str, str]) -> subprocess.Popen[bytes]:
        aws = self.aws.env(app=command) if "ec2" in self.plan.modes else {}
        env = {**self.env(), **aws, **more}
        with (self.home / f"{command}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "runs_fleet", command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def _wait_ready(self, patience: float = 60) -> None:
        for number, api in self.apis.items():
            wait_for_port(self.api_ports[number], api)
        deadline = time.monotonic() + patience
        while not all(map(_ready, self.api_ports)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API was not ready in {patience:g} s: see {self.home}")
            time.sleep(0.05)

    def _stop_product(self) -> None:
        running = [one for one in (*self.apis.values(), *self.workers) if one.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            end(process, grace=5)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
