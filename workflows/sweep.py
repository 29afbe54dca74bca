"""The sweep: compares cloud, GitHub and lifecycles, and puts right what nobody else will."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sweeps import CloudActivities, LifecycleActivities
    from runs_fleet.census import Part, PartName, RollCall, SweepReport, SweepRequest, SweepState
    from workflows import options
    from workflows.answers import Answer
    from workflows.memory import Memory
    from workflows.sweep_archive import archive
    from workflows.sweep_members import members
    from workflows.sweep_parts import Parts
    from workflows.tally import NoAnswer, Tally, looked

Work = Callable[[Tally], Awaitable[None]]
LAST_SUCCESS = "runs_fleet_sweep_last_success_timestamp_seconds"
COUNTED = {
    "looked": "Things that a sweep looked at",
    "repaired": "Things that a sweep put right",
    "kept": "Runners that a sweep kept because they work",
    "failed": "Things that a sweep could not put right",
}


@workflow.defn
class Sweep:
    """One run. What it must remember travels in its result, through the schedule, to the next.

    https://docs.temporal.io/develop/python/workflows/schedules
    """

    @workflow.init
    def __init__(self, request: SweepRequest) -> None:
        self._request, self._now = request, workflow.now()
        self._memory = Memory.of(request, _before(request), self._now)
        self._parts = Parts(request, self._memory, self._now)

    @workflow.run
    async def run(self, request: SweepRequest) -> SweepReport:
        """Look once at what several parts need, then do the parts; none stops another."""
        roll, listed = await asyncio.gather(self._call_roll(), self._list_machines())
        parts = self._parts
        works: dict[PartName, Work] = {
            "deliveries": parts.deliveries,
            "machines": lambda tally: parts.machines(tally, roll=roll, listed=listed),
            "strays": lambda tally: parts.strays(tally, roll=roll, listed=listed),
            "members": lambda tally: members(tally, request, self._memory, listed),
            "lost": lambda tally: parts.lost(tally, roll=roll, listed=listed),
            "configs": lambda tally: parts.configs(tally, listed=listed),
            "registrations": parts.registrations,
            "queued": parts.queued,
        }
        if request.archive:
            works["archive"] = lambda tally: archive(tally, request, self._memory)
        done = await asyncio.gather(*(self._do(name, work) for name, work in works.items()))
        workflow.set_current_details(told(done, self._now))
        state = _before(request) if request.dry_run else self._memory.state()
        return SweepReport(at=self._now, dry_run=request.dry_run, parts=tuple(done), state=state)

    async def _call_roll(self) -> Answer:
        call = RollCall(mode=self._request.mode, since=self._memory.since)
        handle = workflow.start_activity_method(LifecycleActivities.call_roll, call, **options.LOOK)
        roll = await looked(handle)
        if not roll.kind:
            self._memory.note_roll(roll.value)
        return roll

    async def _list_machines(self) -> Answer:
        return await looked(
            workflow.start_activity_method(CloudActivities.list_machines, **options.LOOK)
        )

    async def _do(self, name: PartName, work: Work) -> Part:
        tally = Tally(name, dry=self._request.dry_run)
        try:
            await work(tally)
        except NoAnswer as missed:
            tally.note(missed)
        if tally.well:
            self._memory.successes[name] = self._now
        part = tally.part(self._memory.successes.get(name))
        self._measure(part)
        return part

    def _measure(self, part: Part) -> None:
        if part.error:
            workflow.logger.warning("sweep failed", extra={"part": part.name, "why": part.error})
        if self._request.dry_run:
            return
        meter = workflow.metric_meter().with_additional_attributes({"part": part.name})
        for what, words in COUNTED.items():
            count: int = getattr(part, what)
            meter.create_counter(f"runs_fleet_sweep_{what}", words).add(count)
        if part.last_success is not None:
            # A moment, not an age: an age would stand still with the sweep.
            words = "When a part of the sweep last went well, in Unix time"
            gauge = meter.create_gauge_float(LAST_SUCCESS, words)
            gauge.set(part.last_success.timestamp())


def _before(request: SweepRequest) -> SweepState:
    if request.state is not None:
        return request.state
    last = workflow.get_last_completion_result(SweepReport)
    return last.state if last else SweepState()


def told(parts: list[Part], now: datetime) -> str:
    """Tell a run on its page, in markdown."""
    head = ["| part | looked | repaired | kept | failed | said |", "|---|---|---|---|---|---|"]
    rows = [
        f"| {p.name} | {p.looked} | {p.repaired} | {p.kept} | {p.failed} | {_said(p)} |"
        for p in parts
    ]
    actions = [f"- {words}" for part in parts for words in part.actions]
    return "\n".join([f"Swept at {now:%Y-%m-%d %H:%M:%S} UTC", "", *head, *rows, "", *actions])


def _said(part: Part) -> str:
    return (part.error or part.skipped).replace("|", "/").replace("\n", " ")
