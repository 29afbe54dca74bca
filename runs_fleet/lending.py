"""Who is owed a runner, and which one to leave to whom: pure, from a lifecycle's ledger."""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet import names
from runs_fleet.deadlines import deadline
from runs_fleet.ledger import Ledger
from runs_fleet.loans import Loan, LoanNews, News
from runs_fleet.runner import Runner

# A borrower that has waited so many graces makes a runner of its own.
PATIENCE = 6
TAKEN = "taken"


@dataclass(frozen=True)
class Send:
    """Tell another job's lifecycle of a loan."""

    to: int
    news: LoanNews


def creditor(ledger: Ledger) -> int | None:
    """Name the job whose runner this job got, if it has not been left another one for it."""
    demand = ledger.demand
    if demand.runner is None or demand.phase == "queued" or ledger.over:
        return None
    served = demand.runner.lower()
    owner = names.owner(served)
    if owner is None:
        return None
    settled = served == ledger.loans.paid or served in ledger.loans.borrowed
    return None if settled or owner[0] == ledger.request.job_id else owner[0]


def promised(ledger: Ledger, runner: Runner) -> bool:
    """Whether one of this job's own runners is kept for another job, or soon will be."""
    if ledger.over:
        return False
    return runner.name in ledger.loans.lent or (_spare(ledger, runner) and owes(ledger))


def owes(ledger: Ledger) -> bool:
    """Whether another job waits for a runner of this one."""
    return creditor(ledger) is not None


def lend_at(ledger: Ledger) -> datetime:
    """When to leave a runner of one's own to a creditor: often GitHub does it by itself before."""
    return (ledger.served_at or ledger.begun_at) + ledger.request.policy.theft_grace / 2


def errand(ledger: Ledger, now: datetime) -> Send | None:
    """Choose the next message about a loan, if one is due."""
    recall = _recall(ledger, now) if ledger.loans.lent else None
    return recall or _lend(ledger, now) or _give_back(ledger)


def hopes(ledger: Ledger, now: datetime) -> bool:
    """Whether a job without a runner of its own should wait for a borrowed one.

    Who recalls a runner may be about to get another one, and to pass that on.
    """
    return ledger.active is None and any(at > now for at in _moments(ledger))


def wake_at(ledger: Ledger, now: datetime, otherwise: datetime) -> datetime:
    """When a loan asks for something to be done, if that is before anything else."""
    moments = _moments(ledger)
    if owing := owes(ledger):
        moments.append(lend_at(ledger))
    if owing or ledger.loans.lent:
        policy = ledger.request.policy
        moments += [deadline(policy, each) for each in ledger.held if promised(ledger, each)]
    return min([otherwise, *[at for at in moments if now < at]])


def _moments(ledger: Ledger) -> list[datetime]:
    moments = [loan.until for loan in expected(ledger)]
    if ledger.loans.recalled_at is not None:
        moments.append(ledger.loans.recalled_at + ledger.request.policy.theft_grace)
    return moments


def expected(ledger: Ledger) -> list[Loan]:
    """The borrowed runners that may serve this job."""
    lent = ledger.loans.lent
    borrowed = ledger.loans.borrowed.values()
    if not borrowed:
        return []
    return [loan for loan in borrowed if loan.runner not in lent and _fits(ledger, loan)]


def sent(ledger: Ledger, send: Send, *, arrived: bool) -> None:
    """Take in that a message went out; one that has ended needs no runner, and none back."""
    loans, runner = ledger.loans, send.news.loan.runner
    if send.news.kind == "lent":
        loans.paid = (ledger.demand.runner or "").lower()
        if arrived:
            loans.lent[runner] = send.to
        elif ledger.runner(runner) is not None:
            loans.unwanted.add(runner)
    else:
        loans.lent.pop(runner, None)
        loans.borrowed.pop(runner, None)
        loans.broken.discard(runner)


def _lend(ledger: Ledger, now: datetime) -> Send | None:
    to = creditor(ledger)
    if to is None:
        return None
    if kept := expected(ledger):
        return Send(to, _news("lent", kept[0]))
    own = ledger.active
    if own is None or not _spare(ledger, own) or now < lend_at(ledger):
        return None
    return Send(to, _news("lent", _loan(ledger, own, now)))


def _give_back(ledger: Ledger) -> Send | None:
    """Return what this job has no use for: it has got a runner, or needs none, or another kind."""
    if not ledger.loans.borrowed:
        return None
    served = (ledger.demand.runner or "").lower()
    needless = ledger.done or ledger.demand.phase != "queued"
    for loan in ledger.loans.borrowed.values():
        idle = loan.runner not in ledger.loans.lent and loan.runner != served
        owner = names.owner(loan.runner)
        if idle and owner is not None and (needless or not _fits(ledger, loan)):
            return Send(owner[0], _news("returned", loan))
    return None


def _recall(ledger: Ledger, now: datetime) -> Send | None:
    """Tell whoever waits for a runner that it does not come."""
    for name, to in ledger.loans.lent.items():
        own = ledger.runner(name)
        if own is not None and _failed(own, to):
            return Send(to, _news("recalled", _loan(ledger, own, now)))
        if own is None and name in ledger.loans.broken:
            loan = Loan(runner=name, labels=(), place="", until=now)
            return Send(to, _news("recalled", loan))
    return None


def _news(kind: News, loan: Loan) -> LoanNews:
    return LoanNews(kind=kind, loan=loan)


def _failed(runner: Runner, borrower: int) -> bool:
    """Whether a lent runner was let go of, or serves somebody else."""
    if runner.serving is not None:
        return runner.serving != borrower
    return bool(runner.cause) and runner.cause != TAKEN


def _spare(ledger: Ledger, runner: Runner) -> bool:
    """Whether a runner is registered, and has neither had a job nor come to grief."""
    loans = ledger.loans
    free = runner.name not in loans.unwanted and runner.name not in loans.lent
    untouched = runner.serving is None and not (runner.started_at or runner.ended or runner.lost)
    known = runner.machine is not None and runner.registering
    return free and untouched and known and not runner.cause and runner.gone_at is None


def _loan(ledger: Ledger, runner: Runner, now: datetime) -> Loan:
    policy = ledger.request.policy
    until = min(deadline(policy, runner), now + PATIENCE * policy.theft_grace)
    return Loan(runner=runner.name, labels=ledger.request.labels, place=_place(ledger), until=until)


def _fits(ledger: Ledger, loan: Loan) -> bool:
    """Whether GitHub may give this job to that runner: it has all the labels, and sees the job."""
    offered = {label.lower() for label in loan.labels}
    wanted = {label.lower() for label in ledger.request.labels}
    return wanted <= offered and loan.place == _place(ledger)


def _place(ledger: Ledger) -> str:
    scope = ledger.request.scope
    return (scope.org or scope.repo).lower()
