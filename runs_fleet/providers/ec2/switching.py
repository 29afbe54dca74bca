"""Starts and stops machines: many in one call, as EC2 counts calls and not machines.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import CAPACITY, QUOTA, code_of, translate
from runs_fleet.budget import Budget
from runs_fleet.errors import FleetError, RateLimited
from runs_fleet.providers.ec2.batching import Answer, Gathering, Pace

NOT_FOUND = "InvalidInstanceID.NotFound"
WRONG_STATE = "IncorrectInstanceState"
MACHINE_ID = re.compile(r"i-[0-9a-f]+")
MOST_AT_ONCE = 100
# A job waits for its machine: little company is enough.
SOON = Pace(longest=0.1)
# Parts of a call that failed are called at once, while the caller still has time.
MOST_PAUSE = 1.0


class Switch:
    """Makes one call for the machines that many threads ask for. Thread safe.

    A call that fails because of some machines is made again without them.
    """

    def __init__(
        self, what: str, call: Callable[[Sequence[str]], Sequence[Any]], budget: Budget
    ) -> None:
        self._what, self._call, self._budget = what, call, budget
        self._gathering = Gathering[str, str](
            self._all,
            room=lambda wanted: min(len(wanted), MOST_AT_ONCE),
            budget=budget,
            pace=SOON,
        )

    def turn(self, machine_id: str) -> str:
        """Return in which state it was before, or "" when it is in none from which it could be.

        Raises FleetError.
        """
        return self._gathering.ask(machine_id)

    def _all(self, wanted: Sequence[str]) -> Sequence[Answer[str]]:
        answers: dict[str, Answer[str]] = {}
        work = deque([list(dict.fromkeys(wanted))])
        while work:
            some = work.popleft()
            try:
                changes = self._call(some)
            except (ClientError, BotoCoreError) as error:
                work.extendleft(self._failed(error, some, answers))
            else:
                self._budget.served()
                before = {each["InstanceId"]: each["PreviousState"]["Name"] for each in changes}
                answers |= {each: before.get(each, "") for each in some}
            if work:
                time.sleep(min(self._budget.take(), MOST_PAUSE))
        return [answers[each] for each in wanted]

    def _failed(
        self,
        error: ClientError | BotoCoreError,
        some: list[str],
        answers: dict[str, Answer[str]],
    ) -> list[list[str]]:
        """Answer those that the error is about; return in which parts to call for the others."""
        code, told = code_of(error), translate(error, f"{self._what} {some[0]}")
        if code in (NOT_FOUND, WRONG_STATE):
            named = set(MACHINE_ID.findall(str(error)))
            guilty = [each for each in some if each in named] or some[:1]
            answers |= dict.fromkeys(guilty, "")
            rest = [each for each in some if each not in guilty]
            return [rest] if rest else []
        if code in CAPACITY | QUOTA and len(some) > 1:
            middle = len(some) // 2
            return [some[:middle], some[middle:]]
        self._note(told)
        answers |= dict.fromkeys(some, told)
        return []

    def _note(self, told: FleetError) -> None:
        if isinstance(told, RateLimited):
            self._budget.throttled()
