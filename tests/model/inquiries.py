"""`workflows.inquiries` in virtual time."""

from runs_fleet import answers, decisions, notices
from runs_fleet.models import RunnerLookup
from tests.model.calls import Limits
from tests.model.turns import Living, Turns
from workflows import options

ASK, TRACE = Limits.of(options.ASK), Limits.of(options.TRACE)
RERUN, TELL = Limits.of(options.RERUN), Limits.of(options.TELL)


def ask(life: Living) -> Turns:
    call = life.call(lambda: life.outside.look_up(life.ledger), ASK)
    yield from life.settled(call)
    life.log("asked", life.ledger.request.job_id, call.answer)
    answers.asked(life.ledger, call.answer, life.clock.now)


def trace(life: Living, runner_name: str) -> Turns:
    wanted = RunnerLookup(runner=runner_name)
    call = life.call(lambda: life.outside.runners.find_machines(wanted), TRACE)
    yield from life.settled(call)
    life.log("traced", runner_name, call.answer)
    answers.traced(life.ledger, call.answer, life.clock.now)


def rerun(life: Living) -> Turns:
    life.ledger.rerun = "asked"
    call = life.call(lambda: life.outside.rerun(life.ledger), RERUN)
    yield from life.settled(call)
    answers.rerun(life.ledger, call.answer)


def tell(life: Living) -> Turns:
    life.ledger.told = "asked"
    notice = notices.write(life.ledger)
    call = life.call(lambda: life.outside.told(notice), TELL)
    yield from life.settled(call, lambda: life.ledger.over not in decisions.UNSERVED)
    life.log("told", notice.key, call.answer)
    answers.told(life.ledger, call.answer)
