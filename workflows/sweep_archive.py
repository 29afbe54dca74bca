"""The part of a sweep that keeps how jobs went, before Temporal forgets it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.archive import ArchiveActivities
    from runs_fleet import sweeping
    from runs_fleet.census import EndedCall, Owners, SweepRequest
    from workflows import options
    from workflows.answers import Handle
    from workflows.memory import Memory
    from workflows.tally import Repair, Tally, looked, taken

BATCH = 50


async def archive(tally: Tally, request: SweepRequest, memory: Memory) -> None:
    """Keep the outcomes of what closed since the last run, and those that could not be kept then.

    Only when every batch had an answer is the rest left behind.
    """
    call = EndedCall(
        mode=request.mode,
        since=memory.archived_since,
        until=memory.now,
        most=request.limits.outcomes,
    )
    listing = workflow.start_activity_method(ArchiveActivities.list_ended, call, **options.LOOK)
    ended = taken(await looked(listing))
    again = sweeping.worth_trying(memory.suspects_of(tally.name), memory.now)
    fresh = [job_id for job_id in ended.job_ids if job_id not in memory.archived]
    wanted = list(dict.fromkeys([*map(int, again), *fresh]))
    tally.looked = len(wanted)
    answers = await tally.repair([_keeping(jobs) for jobs in sweeping.batches(wanted, BATCH)])
    kept = [found.value for found in answers.values() if not found.kind]
    failed = {str(job_id): memory.now for each in kept for job_id in each.failed}
    failed |= {key: at for key, at in again.items() if key in failed}
    if len(kept) < len(answers):
        memory.suspect(tally.name, again | failed)
        return
    memory.suspect(tally.name, failed)
    memory.note_archived(ended)


def _keeping(job_ids: tuple[int, ...]) -> Repair:
    words = f"keep how {len(job_ids)} jobs went, from {job_ids[0]} to {job_ids[-1]}"

    def start() -> Handle:
        wanted = Owners(job_ids=job_ids)
        return workflow.start_activity_method(
            ArchiveActivities.archive_outcomes, wanted, **options.REPAIR
        )

    return Repair(f"{job_ids[0]}-{len(job_ids)}", words, start, things=len(job_ids))
