"""What goes wrong in one world, drawn from its seed."""

import random
from dataclasses import dataclass, field

from runs_fleet.models import Market

HOUR = 3600.0
# Each lever is off in most worlds, so that most faults are also seen alone.
LEVERS: dict[str, tuple[float, ...]] = {
    "webhook_lost": (0, 0, 0.05, 0.3, 1),
    "webhook_doubled": (0, 0, 0.3),
    "webhook_delay": (0.5, 0.5, 5, 90),
    "report_lost": (0, 0, 0.1, 0.5, 1),
    "report_doubled": (0, 0, 0.3),
    "report_delay": (1, 1, 10, 300),
    "event_lost": (0, 0, 0.3, 1),
    "event_delay": (2, 2, 60),
    "answer_lost": (0, 0, 0, 0.1),
    "request_lost": (0, 0, 0, 0.1),
    "store_fails": (0, 0, 0, 0.2),
    "never_boots": (0, 0, 0, 0.2),
    "breaks": (0, 0, 0, 0.1),
    "hangs": (0, 0, 0, 0.2),
    "reclaimed": (0, 0, 0.1, 0.5),
    "noticed": (0, 1, 0.5),
    "idle_dropped": (0, 0, 0, 0.5),
    "lingers": (0, 0.5, 1),
    "unnamed": (0, 0, 0.5),
    "shows_late": (0, 0, 25),
    "rest_lag": (0, 0, 20),
    "cancelled": (0, 0, 0, 0.3, 0.6),
    "released": (0, 0, 0, 0, 0, 0.3),
    "endless": (0, 0, 0, 0, 0.2),
    "late_start": (0, 0, 0, 0.4),
}
Window = tuple[float, float]


def _windows(rng: random.Random, chance: float, longest: float) -> list[Window]:
    if rng.random() > chance:
        return []
    begins = [rng.uniform(0, 1.5 * HOUR) for _ in range(rng.randint(1, 3))]
    return [(begin, begin + rng.uniform(1, longest)) for begin in begins]


@dataclass
class Chaos:
    """The odds of each fault, and the times when something outside is away."""

    rng: random.Random
    levers: dict[str, float] = field(init=False)
    full: dict[Market, list[Window]] = field(init=False)
    github_away: list[Window] = field(init=False)
    cloud_away: list[Window] = field(init=False)
    doomed: list[Window] = field(init=False)
    seed: int = 0

    def __post_init__(self) -> None:
        rng = self.rng
        self.levers = {name: rng.choice(values) for name, values in LEVERS.items()}
        self.full = {market: _windows(rng, 0.2, 2 * HOUR) for market in Market}
        self.github_away = _windows(rng, 0.2, 2 * HOUR)
        self.cloud_away = _windows(rng, 0.1, HOUR)
        self.doomed = _windows(rng, 0.1, 2 * HOUR)

    def hits(self, lever: str) -> bool:
        odds = self.levers[lever]
        return odds > 0 and self.rng.random() < odds

    def up_to(self, lever: str) -> float:
        return self.rng.random() * self.levers[lever]

    @property
    def outages(self) -> float:
        """For how long something outside is away at most, in all."""
        full = [window for windows in self.full.values() for window in windows]
        windows = [*full, *self.github_away, *self.cloud_away, *self.doomed]
        return sum(end - begin for begin, end in windows)


def within(windows: list[Window], seconds: float) -> bool:
    return any(begin <= seconds < end for begin, end in windows)
