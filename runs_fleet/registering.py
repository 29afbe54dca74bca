"""Runners that register by themselves, while GitHub makes no JIT configs for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runs_fleet.models import Scope

# The id of a runner that its agent will register; GitHub gives none below 1.
BY_TOKEN = 0


@dataclass(frozen=True)
class TokenRegistration:
    """What an agent registers its runner with by itself. Secret as a whole.

    `url` is the organization or repository; the token is good for any runner of it.
    """

    url: str
    token: str = field(repr=False)
    labels: tuple[str, ...]
    group: str


class Registrar(Protocol):
    """Where runners register that GitHub would make no JIT config for at present."""

    def registration(self, scope: Scope, labels: Sequence[str]) -> TokenRegistration:
        """Write what an agent needs to register a runner; mostly without a call."""
        ...
