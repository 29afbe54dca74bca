"""A create under way tells so, so that one whose worker died is soon begun again."""

from collections.abc import Iterator

import pytest
from temporalio.api.enums.v1 import PendingActivityState

from tests.fakes import MemoryProvider
from tests.lifecycles import Job, Start, eventually
from workflows import options

STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
CANCELLING = PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED


@pytest.fixture
def held(provider: MemoryProvider) -> Iterator[MemoryProvider]:
    """A cloud that answers no create before it is let go."""
    provider.gate.clear()
    yield provider
    provider.gate.set()


async def test_a_create_that_takes_long_is_known_to_be_under_way(
    start: Start, held: MemoryProvider
) -> None:
    job = await start()
    await eventually(lambda: last_beat(job))
    held.gate.set()
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"
    assert len(held.made) == 1


async def test_a_create_that_is_not_needed_any_more_is_not_broken_off_halfway(
    start: Start, held: MemoryProvider
) -> None:
    job = await start()
    await eventually(lambda: last_beat(job))
    await job.says_github("completed", conclusion="cancelled")
    before = await eventually(lambda: last_beat(job, state=CANCELLING))
    # The answer to a heartbeat tells of the cancellation.
    await eventually(lambda: beaten_since(job, before))
    held.gate.set()
    outcome = await job.outcome()
    assert outcome.state == "cancelled"
    assert outcome.attempts[0].machine is not None


def test_a_create_is_given_up_sooner_than_its_time_is_over() -> None:
    patience = options.CREATE["heartbeat_timeout"]
    assert patience is not None
    assert patience < options.CREATE["start_to_close_timeout"]


async def last_beat(job: Job, *, state: int = STARTED) -> int:
    """Tell when a call that is under way in this state was heard of last, or 0."""
    described = await job.handle.describe()
    calls = described.raw_description.pending_activities
    beats = [each.last_heartbeat_time.ToNanoseconds() for each in calls if each.state == state]
    return max(beats, default=0)


async def beaten_since(job: Job, before: int) -> bool:
    """Tell whether a call that is to stop has been heard of since."""
    return await last_beat(job, state=CANCELLING) > before
