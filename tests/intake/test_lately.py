"""Which jobs have events in the spool."""

from intake.lately import SpooledLately
from tests.intake.clock import Clock


def test_a_job_is_remembered_for_a_while_from_its_last_event_on() -> None:
    clock = Clock()
    lately = SpooledLately(life=10, clock=clock)
    lately.note(7)
    clock.now = 9
    lately.note(7)
    clock.now = 18
    assert 7 in lately
    assert 8 not in lately
    clock.now = 19
    assert 7 not in lately
    assert len(lately) == 0


def test_the_oldest_gives_way_when_there_are_too_many() -> None:
    lately = SpooledLately(most=2)
    for job_id in (1, 2, 1, 3):
        lately.note(job_id)
    assert [job_id in lately for job_id in (1, 2, 3)] == [True, False, True]
