"""The part of a sweep that looks for machines of pools which nobody keeps any more."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sweep_members import MemberActivities
    from runs_fleet import sweeping
    from runs_fleet.census import OwnedMachine, OwnerState, SweepRequest
    from runs_fleet.models import Scope
    from runs_fleet.pools import abandoned
    from runs_fleet.pools.abandoned import Abandoned, Pools
    from workflows import options
    from workflows.answers import Answer
    from workflows.memory import Memory
    from workflows.tally import Begin, Repair, Tally, looked, taken

# Each is looked for at all places that jobs came from.
MOST_REMOVED = 5


async def members(tally: Tally, request: SweepRequest, memory: Memory, listed: Answer) -> None:
    """Remove members that no job has taken and whose pool has nobody who keeps it."""
    unmarked = abandoned.unmarked(taken(listed), now=memory.now, min_age=request.min_age)
    tally.looked = len(unmarked)
    states = await _states(unmarked, request)
    left = {each.machine_id: each for each in abandoned.abandoned(unmarked, states)}
    seen = sweeping.twice(memory.suspects_of(tally.name), left, now=memory.now)
    scopes = tuple(place.scope for place in memory.places.values())
    most = min(MOST_REMOVED, request.limits.repairs)
    repairs = [_repair(left[key], scopes, states) for key in seen.ripe[:most]]
    answers: dict[str, Answer] = await tally.repair(repairs)
    memory.suspect(tally.name, seen.suspects)
    busy = [key for key, found in answers.items() if not found.kind and found.value.busy]
    memory.rest(tally.name, busy)


async def _states(found: list[OwnedMachine], request: SweepRequest) -> dict[str, OwnerState]:
    pools = tuple(sorted({each.pool for each in found}))
    if not pools:
        return {}
    wanted = Pools(mode=request.mode, names=pools)
    asking = workflow.start_activity_method(MemberActivities.look_up_pools, wanted, **options.LOOK)
    states: dict[str, OwnerState] = taken(await looked(asking)).states
    return states


def _repair(
    member: OwnedMachine, scopes: tuple[Scope, ...], states: dict[str, OwnerState]
) -> Repair:
    words = (
        f"remove {member.machine_id} ({member.member}): the keeper of its pool is"
        f" {states[member.pool]}"
    )
    return Repair(member.machine_id, words, _removal(Abandoned(machine=member, scopes=scopes)))


def _removal(found: Abandoned) -> Begin:
    return lambda: workflow.start_activity_method(
        MemberActivities.remove_member, found, **options.REPAIR
    )
