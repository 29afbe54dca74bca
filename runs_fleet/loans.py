"""What lifecycles owe each other once GitHub has given one's runner to another's job.

The job that got a stranger's runner leaves its own to that stranger, so that one runner a job is
enough.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from runs_fleet.models import Wire

News = Literal["lent", "returned", "recalled"]


class Loan(Wire):
    """A runner that is left to another job: until when it is worth waiting for."""

    runner: str
    labels: tuple[str, ...]
    place: str
    until: datetime


class LoanNews(Wire):
    """What one lifecycle tells another of a loan.

    lent      the runner is yours to wait for
    returned  nobody waits for your runner any more
    recalled  the runner that you wait for does not come
    """

    kind: News
    loan: Loan


@dataclass
class Loans:
    """The loans of one lifecycle, by the names of the runners.

    `lent` are its own and borrowed ones that it left to others, with their job ids; `unwanted`
    came back; `broken` are to be recalled from whom they went on to; `paid` is the stranger's
    runner for which it has given one.
    """

    borrowed: dict[str, Loan] = field(default_factory=dict)
    lent: dict[str, int] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    paid: str = ""
    recalled_at: datetime | None = None

    def fold(self, news: LoanNews, now: datetime) -> None:
        """Take one message in; a repeat changes nothing."""
        runner = news.loan.runner
        if news.kind == "lent":
            self.borrowed[runner] = news.loan
        elif news.kind == "returned":
            self.lent.pop(runner, None)
            self.unwanted.add(runner)
        elif self.borrowed.pop(runner, None) is not None:
            self.recalled_at = now
            if runner in self.lent:
                self.broken.add(runner)
