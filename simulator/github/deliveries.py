"""Webhooks: signed, logged, delivered side by side, and troubled on request."""

import asyncio
import hashlib
import hmac
import itertools
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.github.identity import AppSecrets
from simulator.github.plans import Chaos, HookTarget, Settings
from simulator.github.posting import Poster
from simulator.github.timers import Clock

Json = dict[str, Any]
THREE_DAYS = 3 * 24 * 3600
OK = range(200, 300)
OUTCOMES = {502: "failed to connect", 504: "timed out"}
REORDER_SPREAD = 0.3


@dataclass(frozen=True)
class Event:
    """One thing that happened; every subscribed hook gets it under the same GUID."""

    name: str
    action: str | None
    body: bytes
    guid: str
    made_at: float
    job_id: int | None = None
    job_status: str | None = None
    installation_id: int | None = None
    repository_id: int | None = None


@dataclass(eq=False)
class Delivery:
    """One attempt to hand one event to one hook."""

    id: int
    event: Event
    hook: HookTarget
    headers: dict[str, str]
    made_at: float
    redelivery: bool = False
    status: str = "pending"
    status_code: int = 0
    sent_at: float | None = None
    answered_at: float | None = None
    reply_headers: dict[str, str] = field(default_factory=dict)
    reply: str = ""

    @property
    def over(self) -> bool:
        return self.status != "pending"


class Deliveries:
    """The log of deliveries and the sender. Events of one job go out in their order."""

    def __init__(self, clock: Clock, seed: int, *, app: AppSecrets) -> None:
        self.settings, self.chaos = Settings(), Chaos()
        self.target: str | None = None
        self.secrets, self._app_id = app.webhook_secrets, app.app_id
        self.log: dict[int, Delivery] = {}
        self._clock, self._rng = clock, random.Random(seed)
        self._ids = itertools.count(self._rng.randrange(10**9, 2 * 10**9))
        self._lines: dict[tuple[HookTarget, int | None], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._poster = Poster()
        self._slots = asyncio.Semaphore(self.settings.hook_connections)

    def configure(self, settings: Settings) -> None:
        """Change timeout and number of connections for deliveries to come."""
        self.settings = settings
        self._slots = asyncio.Semaphore(settings.hook_connections)

    def send(self, event: Event) -> None:
        """Deliver an event to every hook, once, or as chaos has it."""
        for hook in self.chaos.hooks:
            self._start(self._new(event, hook))
            if self._rng.random() < self.chaos.double:
                self._start(self._new(event, hook))

    def event(self, name: str, action: str | None, payload: Json, **facts: Any) -> Event:
        """Fix an event's bytes and its GUID."""
        guid = str(uuid.UUID(int=self._rng.getrandbits(128), version=1))
        body = json.dumps(payload, separators=(",", ":")).encode()
        return Event(name, action, body, guid, self._clock(), **facts)

    def skip(self, event: Event) -> None:
        """Log an event as never delivered: GitHub lost it, the log shows it as failed."""
        for hook in self.chaos.hooks:
            self._finish(self._new(event, hook), 502)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send the same bytes under the same GUID as a new delivery, without any chaos."""
        again = self._new(delivery.event, delivery.hook, redelivery=True)
        self._spawn(self._post(again))
        return again

    def recent(self) -> Iterator[Delivery]:
        """List finished deliveries of the last three days, newest first."""
        horizon = self._clock() - THREE_DAYS
        for number in reversed(self.log):
            delivery = self.log[number]
            if delivery.over and delivery.made_at >= horizon:
                yield delivery

    @property
    def pending(self) -> int:
        """Count what is under way."""
        return len(self._tasks)

    async def close(self) -> None:
        """Stop whatever is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._poster.close()

    def _new(self, event: Event, hook: HookTarget, *, redelivery: bool = False) -> Delivery:
        number = next(self._ids)
        headers = self._headers(event, hook)
        delivery = Delivery(number, event, hook, headers, self._clock(), redelivery)
        self.log[number] = delivery
        return delivery

    def _headers(self, event: Event, hook: HookTarget) -> dict[str, str]:
        own = {"integration": self._app_id, "organization": event.repository_id or 1}[hook]
        headers = {
            "User-Agent": "GitHub-Hookshot/e579302",
            "Accept": "*/*",
            "Content-Type": "application/json",
            "X-GitHub-Delivery": event.guid,
            "X-GitHub-Event": event.name,
            "X-GitHub-Hook-ID": {"integration": "417001", "organization": "417002"}[hook],
            "X-GitHub-Hook-Installation-Target-ID": str(own),
            "X-GitHub-Hook-Installation-Target-Type": hook,
        }
        if self.secrets:
            key = self.secrets[0].encode()
            for name, algorithm in (("", hashlib.sha1), ("-256", hashlib.sha256)):
                mac = hmac.new(key, event.body, algorithm)
                headers[f"X-Hub-Signature{name}"] = f"{mac.name[5:]}={mac.hexdigest()}"
        return headers

    def _start(self, delivery: Delivery) -> None:
        if self._rng.random() < self.chaos.drop:
            self._finish(delivery, 502)
            return
        wait = self._rng.uniform(0, self.chaos.delay)
        if self._rng.random() < self.chaos.reorder:
            self._spawn(self._deliver(delivery, wait + self._rng.uniform(0, REORDER_SPREAD), None))
            return
        line = (delivery.hook, delivery.event.job_id)
        before = self._lines.get(line)
        self._lines[line] = self._spawn(self._deliver(delivery, wait, before))

    async def _deliver(
        self, delivery: Delivery, wait: float, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        if wait:
            await asyncio.sleep(wait)
        await self._post(delivery)

    async def _post(self, delivery: Delivery) -> None:
        if self.target is None:
            self._finish(delivery, 502)
            return
        async with self._slots:
            delivery.sent_at = self._clock()
            try:
                async with asyncio.timeout(self.settings.hook_timeout):
                    answer = await self._poster.post(
                        self.target, delivery.event.body, delivery.headers
                    )
            except TimeoutError:
                self._finish(delivery, 504)
            except OSError:
                self._finish(delivery, 502)
            else:
                delivery.reply_headers, delivery.reply = answer.headers, answer.body
                self._finish(delivery, answer.status)

    def _finish(self, delivery: Delivery, code: int) -> None:
        if delivery.sent_at is not None:
            delivery.answered_at = self._clock()
        delivery.status_code = code
        answered = bool(delivery.reply_headers)
        words = "OK" if code in OK else f"Invalid HTTP Response: {code}"
        delivery.status = words if answered else OUTCOMES.get(code, words)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
