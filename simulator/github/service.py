"""All parts of the fake GitHub in one place, and what they tell each other."""

import asyncio
import random
import time
from collections import Counter, defaultdict

from simulator.github.bodies import Bodies, number
from simulator.github.books import NoticeRecord
from simulator.github.conformance import Contract
from simulator.github.deliveries import Deliveries
from simulator.github.entities import Job, Session
from simulator.github.faults import Faults
from simulator.github.hub import Hub
from simulator.github.identity import Apps, AppSecrets
from simulator.github.limits import Limits
from simulator.github.plans import Progress, Settings
from simulator.github.sessions import Sessions
from simulator.github.timers import Timers


class GitHubService:
    """One GitHub: `root` is its address without any path, `base` what a GHES has before the API."""

    def __init__(self, root: str, app: AppSecrets, *, base: str = "", seed: int = 0) -> None:
        self.root, self.base = root, base
        self.clock = time.time
        self.rng = random.Random(seed)
        self.contract, self.faults = Contract(), Faults()
        self.bodies = Bodies(f"{root}{base}", root, app_id=app.app_id)
        self.deliveries = Deliveries(self.clock, seed, app=app)
        self.apps = Apps(self.clock, self.rng, app=app)
        self.limits = Limits(self.clock)
        self._moved = asyncio.Event()
        timers = Timers(self.clock, wake=self._moved.set)
        self.hub = Hub(timers, emit=self._emit, ring=self._ring, seed=seed)
        self.sessions = Sessions(self.hub)
        self.calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.bells: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.jit_configs: list[str] = []
        self.registration_tokens: dict[str, tuple[str, float]] = {}
        self.notices: list[NoticeRecord] = []
        self.closing = False

    @property
    def broker_url(self) -> str:
        """Where the listeners of runners connect."""
        return f"{self.root}/_broker/"

    def configure(self, settings: Settings) -> None:
        """Give every part the same patience."""
        self.hub.settings = self.limits.settings = settings
        self.deliveries.configure(settings)

    async def turn(self) -> None:
        """Fire timers when they are due, until cancelled."""
        while True:
            self._moved.clear()
            pause = self.hub.timers.run()
            try:
                async with asyncio.timeout(pause):
                    await self._moved.wait()
            except TimeoutError:
                continue

    def hang_up(self) -> None:
        """Answer every waiting listener, so that nothing keeps the server from ending."""
        self.closing = True
        for bell in self.bells.values():
            bell.set()

    def progress(self) -> Progress:
        """Count what goes on."""
        alive = self.hub.registry.alive.values()
        return Progress(
            jobs=Counter(job.status for job in self.hub.runs.jobs.values()),
            online=sum(runner.online for runner in alive),
            busy=sum(runner.busy for runner in alive),
            deliveries_pending=self.deliveries.pending,
            violations=tuple(self.contract.violations),
        )

    def _ring(self, session: Session) -> None:
        self.bells[session.id].set()

    def _emit(self, job: Job, action: str) -> None:
        account = self.apps.install(job.run.repo, org=job.run.plan.org)
        payload = self.bodies.event(job, action, installation_id=account.installation_id)
        self.contract.event("workflow_job", action, payload)
        event = self.deliveries.event(
            "workflow_job", action, payload,
            job_id=job.id, job_status=job.status, installation_id=account.installation_id,
            repository_id=number(job.run.repo),
        )  # fmt: skip
        if job.plan.mute and action == "queued":
            self.deliveries.skip(event)
        else:
            self.deliveries.send(event)
