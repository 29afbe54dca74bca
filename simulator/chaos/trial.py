"""One seed: a world, its schedule carried out, the calm after it, and the evidence."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from runs_fleet.models import Mode
from simulator.accounts import orphans
from simulator.aws.models import Levers
from simulator.chaos import reading
from simulator.chaos.evidence import Evidence, Life
from simulator.chaos.lives import Lives
from simulator.chaos.schedule import Schedule
from simulator.chaos.trouble import Trouble
from simulator.github.books import Books
from simulator.github.plans import Settings
from simulator.kube.api import ApiAway, ApiError
from simulator.world import Plan, World

TICK, LOOK = 0.05, 0.5
APPROVE_EVERY = 2.0
# Two runs of the sweep: it removes only what it has seen twice.
REST = 5.0
# A lost node may take several jobs of one run, which GitHub lets run again one after the other.
PATIENCE: dict[Mode, float] = {"ec2": 90.0, "k8s": 240.0}
PER_JOB = 1.0
LEVERS = Levers(boot_seconds=0.5, boot_spread=0.3, reclaim_after=1.0, visibility_lag=0.2)
GITHUB = Settings(
    idle_ttl=20,
    unused_ttl=40,
    secondary_points=100_000,
    core_limit=100_000,
    registration_limit=100_000,
)
HASTE = {
    "RUNS_FLEET_SWEEP_INTERVAL": "2s",
    "RUNS_FLEET_SWEEP_MIN_AGE": "4s",
    "RUNS_FLEET_PICKUP_TIMEOUT": "15s",
    "RUNS_FLEET_SILENCE": "10s",
    "RUNS_FLEET_FINISH_GRACE": "2s",
    "RUNS_FLEET_BUSY_LOOK": "1s",
    "RUNS_FLEET_RETRY_LEAST": "1s",
    "RUNS_FLEET_RETRY_MOST": "4s",
}
# How long GitHub believes in a runner that is silent; longer than a cluster in a node.
LEASE_TTL: dict[Mode, float] = {"ec2": 3, "k8s": 8}
# The usual grace: what is left of a pod is all that tells another job how it lost it.
K8S = {"RUNS_FLEET_K8S_VOLUME_ABOVE": "0", "RUNS_FLEET_FINISH_GRACE": "10s"}
Say = Callable[[str], None]


def world_of(schedule: Schedule) -> Plan:
    """Describe the world of chaos; the more jobs, the longer machines of a busy host may boot."""
    boot = {"RUNS_FLEET_BOOT_TIMEOUT": f"{10 + schedule.jobs / 10:g}s"}
    mode = schedule.mode
    return Plan(
        seed=schedule.seed,
        modes=(mode,),
        troubled=mode == "k8s",
        apis=2,
        workers=3,
        database=True,
        env=HASTE | boot | (K8S if mode == "k8s" else {}),
        levers=LEVERS,
        github=GITHUB.model_copy(update={"lease_ttl": LEASE_TTL[mode]}),
    )


def run(schedule: Schedule, *, home: Path, say: Say) -> Evidence:
    """Carry a schedule out in a world of its own."""
    say("starting")
    with World(world_of(schedule), home=home) as world, Lives(world.temporal.address) as lives:
        trial = Trial(world, lives, schedule)
        say(f"chaos for {schedule.window:.0f} s")
        trial.wreak()
        say("waiting for rest")
        evidence = trial.rest()
        # There is nothing left to drain.
        world.kill_workers()
        return evidence


class Trial:
    """Wreak, then rest. All in one thread: processes die with the thread that started them."""

    def __init__(self, world: World, lives: Lives, schedule: Schedule) -> None:
        self._world, self._lives, self._schedule = world, lives, schedule
        self._trouble = Trouble(world)
        self._began_at = self._calm_at = datetime.now(UTC)

    def wreak(self) -> None:
        """Send every run and do every fault at its time, then put everything right."""
        self._began_at, began = datetime.now(UTC), time.monotonic()
        for at, do in sorted(self._agenda(), key=lambda entry: entry[0]):
            while time.monotonic() < began + at:
                self._trouble.due()
                time.sleep(TICK)
            do()
        self._trouble.calm()
        self._trouble.approve()
        self._calm_at = datetime.now(UTC)

    def _agenda(self) -> Iterable[tuple[float, Callable[[], object]]]:
        window = self._schedule.window
        for send in self._schedule.sends:
            yield send.at, partial(self._world.github.create_run, send.run)
        for act in self._schedule.acts:
            yield act.at, partial(self._trouble.do, act)
        for turn in range(1, int(window / APPROVE_EVERY)):
            yield turn * APPROVE_EVERY, self._trouble.approve
        yield window, lambda: None

    def rest(self) -> Evidence:
        """Wait until all is over and stays so for two sweeps; then collect the evidence."""
        patience = PATIENCE[self._schedule.mode] + PER_JOB * self._schedule.jobs
        deadline = time.monotonic() + patience
        quiet_since, rested = None, None
        while time.monotonic() < deadline:
            if not self._quiet():
                quiet_since = None
            elif quiet_since is None:
                quiet_since, rested = time.monotonic(), datetime.now(UTC)
            elif time.monotonic() > quiet_since + REST:
                break
            time.sleep(LOOK)
        return self._evidence(rested if quiet_since else None)

    def _quiet(self) -> bool:
        books = self._world.github.books(deliveries=False)
        try:
            if books.unfinished or orphans(self._world, books).total:
                return False
        except (ApiAway, ApiError):
            return False
        return all(life.status != "running" for life in self._read_lives(books).values())

    def _read_lives(self, books: Books) -> dict[int, Life]:
        return self._lives.read(job.id for job in books.jobs if not job.carried_over)

    def _evidence(self, rested: datetime | None) -> Evidence:
        github, cloud = self._world.github.books(), reading.books(self._world)
        return Evidence(
            seed=self._schedule.seed,
            mode=self._schedule.mode,
            began_at=self._began_at,
            calm_at=self._calm_at,
            rested_at=rested,
            books=github,
            machines=cloud.machines,
            orders=cloud.orders,
            left=cloud.left,
            lives=self._read_lives(github),
            deeds=tuple(self._trouble.deeds),
            crashes=tuple(self._crashes()),
        )

    def _crashes(self) -> Iterable[str]:
        parts = {f"worker {number}": one for number, one in enumerate(self._world.workers)}
        parts |= {f"API {number}": one for number, one in self._world.apis.items()}
        for name, process in parts.items():
            if process.poll() is not None:
                yield f"{name} ended by itself with status {process.returncode}"
