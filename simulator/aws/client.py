"""The simulated AWS as its users see it: start it, pull its levers, read its books."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Self

import httpx

from simulator.aws.environment import aws_env
from simulator.aws.models import (
    AwsConfig,
    Books,
    CapacityRule,
    Fault,
    Levers,
    MachineRecord,
    Setup,
    Throttle,
)
from simulator.aws.owners import named
from simulator.clouds import CloudBooks
from simulator.ports import Server

PATIENCE = 30.0
GONE = ("shutting-down", "terminated")


class AwsWorld:
    """One AWS and its machines as processes of this machine; a context manager.

    Without `home` the world lives in a temporary directory that goes with it.
    """

    def __init__(self, config: AwsConfig | None = None, *, home: Path | None = None) -> None:
        self.home = home or Path(tempfile.mkdtemp(prefix="runs-fleet-aws-"))
        self._temporary = home is None
        self.config = (config or AwsConfig()).model_copy(update={"home": str(self.home)})
        self._server: Server | None = None
        self._http = httpx.Client(timeout=PATIENCE, trust_env=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / "aws.json"
        path.write_text(self.config.model_dump_json())
        argv = ["-m", "simulator.aws", "--config", str(path)]
        self._server = Server.start(argv, log=self.home / "aws.log")

    def stop(self) -> None:
        """End the server and every machine; nothing is left running."""
        if self._server is not None:
            self._server.stop()
        self._http.close()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None, "the world has not been started"
        return self._server.ready

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._server is not None, "the world has not been started"
        return self._server.process.pid

    def env(self, *, app: str) -> dict[str, str]:
        """Spell the world for a process that uses boto3; `app` is its name in the books."""
        return aws_env(self.url, region=self.config.region, app=app)

    def set_up(self) -> Setup:
        """Make templates, subnets and queues, or tell those made before."""
        return Setup.model_validate(self._post("set_up"))

    def pull(self, **levers: Any) -> Levers:
        """Change some levers."""
        return Levers.model_validate(self._post("levers", **levers))

    def capacity(self, rule: CapacityRule) -> None:
        """Say what some pools have."""
        self._post("capacity", **rule.model_dump())

    def plenty(self) -> None:
        """Forget all capacity rules."""
        self._post("plenty")

    def calm(self) -> None:
        """Put every lever back to the configuration's, with no faults, rules or buckets."""
        self._post("calm")

    def fault(self, fault: Fault) -> None:
        """Order a fault for the next calls of an action."""
        self._post("fault", **fault.model_dump())

    def cut_off(self, *services: str) -> None:
        """Let nobody reach these services (`sqs`, `ssm`, `ec2`), and everybody the others."""
        self._post("cut_off", services=services)

    def throttle(self, rule: Throttle) -> None:
        """Give an action a token bucket."""
        self._post("throttle", **rule.model_dump())

    def accounts(self) -> CloudBooks:
        """Count the machines that ever were, and what is left."""
        machines = self.machines()
        alive = sum(1 for each in machines if each.state not in GONE)
        held = sum(1 for each in self.books().parameters.values() if each.there)
        made = Counter(each.runner or each.machine_id for each in machines)
        return CloudBooks(made, {"machines": alive, "parameters": held})

    def take_back(self, runner: str) -> str:
        """Give a runner's machine the spot notice."""
        for machine in self.machines():
            if machine.runner == runner:
                self.interrupt(machine.machine_id)
                return machine.machine_id
        return ""

    def interrupt(self, *machines: str, after: float | None = None) -> None:
        """Give the spot notice; the machines go after `after` seconds, or the lever's."""
        self._post("interrupt", machines=machines, after=after)

    def lose(self, *machines: str, events: bool = False) -> None:
        """Let hardware die: no notice, and no event unless asked for."""
        self._post("lose", machines=machines, events=events)

    def halt(self, *machines: str) -> None:
        """Shut machines down from inside, as `shutdown -h` does."""
        self._post("halt", machines=machines)

    def books(self) -> Books:
        """Read what was asked of this AWS so far."""
        return Books.model_validate(self._read("books"))

    def machines(self) -> list[MachineRecord]:
        """Read every machine ever made, oldest first."""
        rows = self._read("machines")["machines"]
        return named(MachineRecord.model_validate(row) for row in rows)

    def machine(self, machine_id: str) -> MachineRecord:
        """Read one machine's record."""
        return next(m for m in self.machines() if m.machine_id == machine_id)

    def agent_log(self, machine_id: str) -> str:
        """Read what a machine's agent wrote so far."""
        path = self.home / "machines" / machine_id / "agent.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _read(self, name: str) -> dict[str, Any]:
        return self._said(self._http.get(f"{self.url}/_world/{name}"))

    def _post(self, name: str, **body: Any) -> dict[str, Any]:
        return self._said(self._http.post(f"{self.url}/_world/{name}", json=body))

    def _said(self, answer: httpx.Response) -> dict[str, Any]:
        said: dict[str, Any] = answer.json()
        if answer.is_error:
            raise ValueError(f"the world refused: {said}")
        return said
