"""One seed: a world, its schedule carried out, the calm after it, and the evidence."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from runs_fleet.models import Mode
from simulator.accounts import orphans
from simulator.aws.models import Levers
from simulator.chaos import reading
from simulator.chaos.evidence import Evidence, Life
from simulator.chaos.keeping import HOME_OF_POOLS, Keeping
from simulator.chaos.lives import Lives
from simulator.chaos.managers import Managers
from simulator.chaos.pools import Pools
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
# A member that is busy, or whose order was not answered, is looked at again after a while.
POOLS_END_WITHIN = 240.0
# A busy host takes longer to answer a claim than the usual patience lasts.
KEPT = {"RUNS_FLEET_POOLS_INTERVAL": "1s", "RUNS_FLEET_POOL_PATIENCE": "6s"}
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


def world_of(schedule: Schedule, *, home: Path) -> Plan:
    """Describe the world of chaos; the more jobs, the longer machines of a busy host may boot."""
    boot = {"RUNS_FLEET_BOOT_TIMEOUT": f"{10 + schedule.jobs / 10:g}s"}
    mode = schedule.mode
    pools = KEPT | {"RUNS_FLEET_POOLS": str(home / HOME_OF_POOLS)} if schedule.pools else {}
    return Plan(
        seed=schedule.seed,
        modes=(mode,),
        troubled=mode == "k8s",
        apis=2,
        workers=3,
        database=True,
        env=HASTE | boot | pools | (K8S if mode == "k8s" else {}),
        levers=LEVERS,
        github=GITHUB.model_copy(update={"lease_ttl": LEASE_TTL[mode]}),
    )


def run(schedule: Schedule, *, home: Path, say: Say) -> Evidence:
    """Carry a schedule out in a world of its own."""
    say("starting")
    if schedule.pools:
        (home / HOME_OF_POOLS).write_text(Pools(schedule.mode).text)
    with ExitStack() as stack:
        world = stack.enter_context(World(world_of(schedule, home=home), home=home))
        lives = stack.enter_context(closing(Lives(world.temporal.address)))
        trial = Trial(world, lives, schedule)
        if schedule.pools:
            managers = stack.enter_context(closing(Managers(world.temporal.address, schedule.mode)))
            trial.keep(Keeping(world, managers), say=say)
        say(f"chaos for {schedule.window:.0f} s")
        trial.wreak()
        if schedule.pools:
            trial.end_pools(say=say)
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
        self._pools: Keeping | None = None
        self._began_at = self._calm_at = datetime.now(UTC)

    def keep(self, pools: Keeping, *, say: Say) -> None:
        """Have pools, which are warm when the chaos begins."""
        say("waiting for warm pools")
        pools.begin()
        self._pools = pools
        self._trouble = Trouble(self._world, pools.managers)

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

    def end_pools(self, *, say: Say) -> None:
        """When every job is over, have the pools full again, and then drained."""
        assert self._pools is not None, "there are pools"
        say("waiting for every job's end")
        deadline = time.monotonic() + self._patience
        while not self._served() and time.monotonic() < deadline:
            time.sleep(LOOK)
        say("waiting for full pools")
        self._pools.settle()
        self._pools.drain(self._world.home)

    def rest(self) -> Evidence:
        """Wait until all is over and stays so for two sweeps; then collect the evidence."""
        deadline = time.monotonic() + self._patience
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

    @property
    def _patience(self) -> float:
        more = POOLS_END_WITHIN if self._pools else 0.0
        return PATIENCE[self._schedule.mode] + PER_JOB * self._schedule.jobs + more

    def _quiet(self) -> bool:
        if self._pools and not self._pools.over():
            return False
        books = self._world.github.books(deliveries=False)
        try:
            if orphans(self._world, books).total or self._left():
                return False
        except (ApiAway, ApiError):
            return False
        return self._served()

    def _left(self) -> bool:
        return self._pools is not None and bool(reading.books(self._world).left)

    def _served(self) -> bool:
        books = self._world.github.books(deliveries=False)
        if books.unfinished:
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
            **self._of_pools(),
        )

    def _of_pools(self) -> dict[str, Any]:
        pools = self._pools
        if pools is None:
            return {}
        return {"maxes": pools.maxes, "managers": pools.ends(), "short": pools.short}

    def _crashes(self) -> Iterable[str]:
        parts = {f"worker {number}": one for number, one in enumerate(self._world.workers)}
        parts |= {f"API {number}": one for number, one in self._world.apis.items()}
        for name, process in parts.items():
            if process.poll() is not None:
                yield f"{name} ended by itself with status {process.returncode}"
