"""Carries faults out, keeps a log of them, and puts right what lasts only for a while."""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from simulator.aws.client import GONE, RUNNER_TAG
from simulator.aws.models import CapacityRule, MachineRecord
from simulator.aws.models import Fault as AwsFault
from simulator.chaos.evidence import Deed
from simulator.chaos.schedule import SHARED, Act
from simulator.github.books import JobRecord
from simulator.github.plans import Chaos, Fault, JobPlan, RunPlan
from simulator.github.world import LeverRefused
from simulator.world import World

WEBHOOKS = {
    "drop": Chaos(drop=0.5),
    "double": Chaos(double=0.7),
    "reorder": Chaos(reorder=0.8),
    "delay": Chaos(delay=3),
    "all": Chaos(drop=0.2, double=0.3, reorder=0.5, delay=1),
}
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
GITHUB = {
    "502": Fault(times=6, status=502, body={"message": "Server Error"}),
    "503": Fault(times=6, status=503, body={"message": "No server is currently available"}),
    "reset": Fault(times=4, reset=True),
    "primary": Fault(
        times=2,
        status=403,
        headers={"x-ratelimit-remaining": "0", "retry-after": "3"},
        body={"message": "API rate limit exceeded for installation ID 1."},
    ),
    "secondary": Fault(
        times=2, status=403, headers={"retry-after": "3"}, body={"message": SECONDARY}
    ),
}
MINTS, RUNNERS = "*/generate-jitconfig", "*/actions/runners/*"
ANSWERS = {
    "mint": Fault(method="POST", path=MINTS, times=2, lose_answer=True),
    "delete": Fault(method="DELETE", path=RUNNERS, times=2, lose_answer=True),
}
LOST_ANSWERS, SLOW_BOOTS = 2, 3
TRY_AGAIN, GIVE_UP = 0.3, 5.0
# Before this a machine may not show yet.
FRESH = 0.5
THEFT_REPO = "acme/shared"


class Trouble:
    """Does what a schedule says to one world. Nothing here waits: `due` is called often.

    A fault that needs a job or machine in some state waits for one for a while, then is missed.
    """

    def __init__(self, world: World, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.deeds: list[Deed] = []
        self._world, self._clock = world, clock
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._full: list[CapacityRule] = []
        self._over = False
        self._doers: dict[str, Callable[[Act], str]] = {
            "worker_killed": self._kill_worker,
            "api_killed": self._kill_api,
            "temporal_killed": self._kill_temporal,
            "webhooks": self._webhooks,
            "theft": self._theft,
            "spot_loss": self._spot_loss,
            "hardware_loss": self._hardware_loss,
            "no_capacity": self._no_capacity,
            "lost_answer": self._lost_answer,
            "github": self._github,
            "slow_boot": self._slow_boot,
            "silent_boot": self._silent_boot,
            "sqs_away": self._sqs_away,
            "cancellation": self._cancellation,
        }

    def do(self, act: Act, *, until: float | None = None) -> None:
        """Do it now, or as soon as there is something to do it to."""
        at, until = datetime.now(UTC), until or self._clock() + GIVE_UP
        deed = Deed(at=at, kind=act.kind, what=act.what)
        self.deeds.append(deed)
        deed.target = "" if self._over else self._doers[act.kind](act)
        if deed.target:
            return
        if self._clock() < until and not self._over:
            self.deeds.remove(deed)
            self._after(TRY_AGAIN, lambda: self.do(act, until=until))
        else:
            deed.missed = True

    def due(self) -> None:
        """Put right what has lasted for its time."""
        while self._later and self._later[0][0] <= self._clock():
            heapq.heappop(self._later)[2]()

    def calm(self) -> None:
        """Put everything right at once, and do nothing more."""
        self._over = True
        while self._later:
            heapq.heappop(self._later)[2]()
        self._world.github.chaos(Chaos())
        self._world.github.clear_faults()
        self._world.aws.calm()

    def approve(self) -> None:
        """Let every waiting job pass its gate."""
        for job in self._jobs("waiting"):
            with suppress(LeverRefused):
                self._world.github.approve(job.id)

    def _after(self, seconds: float, mend: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self._clock() + seconds, next(self._order), mend))

    def _restart(self, seconds: float, start: Callable[[], Any]) -> None:
        deed = self.deeds[-1]

        def mend() -> None:
            start()
            deed.mended_at = datetime.now(UTC)

        self._after(seconds, mend)

    def _kill_worker(self, act: Act) -> str:
        number = act.draw % len(self._world.workers)
        if self._world.workers[number].poll() is not None:
            return ""
        self._world.kill_worker(number)
        self._restart(act.seconds, lambda: self._world.start_worker(number))
        return f"worker {number}"

    def _kill_api(self, act: Act) -> str:
        number = act.draw % len(self._world.apis)
        if self._world.apis[number].poll() is not None:
            return ""
        self._world.kill_api(number)
        self._restart(act.seconds, lambda: self._world.start_api(number))
        return f"api {number}"

    def _kill_temporal(self, act: Act) -> str:
        temporal = self._world.temporal
        if temporal.process is None or temporal.process.poll() is not None:
            return ""
        temporal.kill()
        self._restart(act.seconds, temporal.launch)
        return "temporal"

    def _webhooks(self, act: Act) -> str:
        self._world.github.chaos(WEBHOOKS[act.what])
        self._after(act.seconds, lambda: self._world.github.chaos(Chaos()))
        return "webhooks"

    def _theft(self, act: Act) -> str:
        """Queue a job, and another one of the same label of which nobody hears, before it."""
        github, label = self._world.github, SHARED.replace("shared", f"theft-{act.draw}")
        victim = JobPlan(name="victim", labels=(label,), seconds=1)
        github.create_run(RunPlan(repo=THEFT_REPO, jobs=(victim,)))
        return str(github.steal((label,), repo=THEFT_REPO, seconds=1.5))

    def _spot_loss(self, act: Act) -> str:
        machine = self._machine(act, lambda one: one.market == "spot" and not one.noticed_at)
        if machine:
            self._world.aws.interrupt(machine, after=act.seconds)
        return machine

    def _hardware_loss(self, act: Act) -> str:
        machine = self._machine(act, lambda one: True)
        if machine:
            self._world.aws.lose(machine, events=act.what == "told")
        return machine

    def _no_capacity(self, act: Act) -> str:
        market, machine_type, zone = act.what.split("/")
        rule = CapacityRule(market=market, instance_type=machine_type, zone=zone)
        self._full.append(rule)
        self._world.aws.capacity(rule)
        self._after(act.seconds, lambda: self._refill(rule))
        return act.what

    def _refill(self, rule: CapacityRule) -> None:
        self._full.remove(rule)
        self._world.aws.plenty()
        for other in self._full:
            self._world.aws.capacity(other)

    def _lost_answer(self, act: Act) -> str:
        if act.what in ANSWERS:
            self._world.github.fault(ANSWERS[act.what])
        else:
            fault = AwsFault(action=act.what, kind="lost_answer", times=LOST_ANSWERS)
            self._world.aws.fault(fault)
        return act.what

    def _github(self, act: Act) -> str:
        if act.what == "revoked":
            self._world.github.revoke_tokens()
        else:
            self._world.github.fault(GITHUB[act.what])
        return act.what

    def _slow_boot(self, act: Act) -> str:
        self._world.aws.pull(slow_boots=SLOW_BOOTS, slow_boot_seconds=act.seconds)
        return f"{SLOW_BOOTS} machines"

    def _silent_boot(self, act: Act) -> str:
        self._world.aws.pull(never_register=1)
        return "1 machine"

    def _sqs_away(self, act: Act) -> str:
        self._world.aws.cut_off("sqs")
        self._after(act.seconds, self._world.aws.cut_off)
        return "sqs"

    def _cancellation(self, act: Act) -> str:
        open_jobs = self._jobs("queued", "in_progress")
        if not open_jobs:
            return ""
        job = open_jobs[act.draw % len(open_jobs)]
        try:
            self._world.github.cancel_job(job.id)
        except LeverRefused:
            return ""
        return str(job.id)

    def _jobs(self, *statuses: str) -> list[JobRecord]:
        jobs = self._world.github.books(deliveries=False).jobs
        return [job for job in jobs if job.status in statuses]

    def _machine(self, act: Act, fits: Callable[[MachineRecord], bool]) -> str:
        """Choose a machine that works (`during`), or does not (`before`)."""
        found = list(self._candidates(act, fits))
        return found[act.draw % len(found)].machine_id if found else ""

    def _candidates(
        self, act: Act, fits: Callable[[MachineRecord], bool]
    ) -> Iterator[MachineRecord]:
        working = {job.runners[-1] for job in self._jobs("in_progress") if job.runners}
        for one in self._world.aws.machines():
            fresh = time.time() - one.times[0][1] < FRESH
            if one.state in GONE or fresh or not fits(one):
                continue
            works = one.tags.get(RUNNER_TAG) in working
            if act.what not in ("before", "during") or works == (act.what == "during"):
                yield one
