"""`workflows.poolside` in virtual time."""

from collections.abc import Callable, Generator
from datetime import datetime

from runs_fleet import answers, claiming
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave
from tests.model.calls import Courier, Limits
from tests.model.turns import Cancelled, Living, Turns
from workflows import options, orders

TAKE = Limits.of(options.TAKE)


def claim(life: Living, asked: PoolClaim) -> Turns:
    dealings = life.ledger.dealings
    life.log("claims", asked.job_id, asked.attempt)
    dealings.note_asked(asked.attempt, life.clock.now, waited=asked.waited)
    sent = yield from _sent(life, lambda: life.outside.claim(asked))
    dealings.note_heard(life.clock.now, known=sent.answer)


def leave(life: Living, told: PoolLeave) -> Turns:
    life.log("leaves", told.job_id, told.member, "unused" if told.unused else "")
    yield from _sent(life, lambda: life.outside.leave(told))
    claiming.sent(life.ledger, told)


def take(life: Living, offer: PoolAnswer) -> Turns:
    ledger = life.ledger
    runner = claiming.opened(ledger, offer, life.clock.now)
    wanted = orders.taking(ledger, runner)
    life.log("takes", wanted.member, runner.name)
    call = life.call(lambda: life.outside.runners.take_member(wanted), TAKE)
    try:
        yield from life.settled(call, lambda: ledger.demand.phase != "queued")
    except Cancelled:
        answers.taken(ledger, runner, call.answer, life.clock.now)
        raise
    answers.taken(ledger, runner, call.answer, life.clock.now)
    if answers.wants_registration(ledger, runner):
        life.begin_mint(runner)


def _sent(life: Living, deliver: Callable[[], bool]) -> Generator[datetime | None, None, Courier]:
    call = Courier(life.clock, deliver, ended=life.later)
    while not call.done:
        yield None
    return call
