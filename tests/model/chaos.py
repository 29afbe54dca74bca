"""What goes wrong in one world, drawn from its seed."""

import random
from dataclasses import dataclass, field

from runs_fleet.errors import Unavailable
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
    "answer_lost": (0, 0, 0, 0, 0.1, 0.4),
    "request_lost": (0, 0, 0, 0, 0.1, 0.4),
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
    """Sometimes a few windows, most of them short; in a long one little happens."""
    if rng.random() > chance:
        return []
    begins = [rng.random() * 1.5 * HOUR for _ in range(rng.randint(1, 3))]
    return [(begin, begin + 1 + longest * rng.random() ** 3) for begin in begins]


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
        self.levers = {
            name: values[int(rng.random() * len(values))] for name, values in LEVERS.items()
        }
        self.full = {market: _windows(rng, 0.2, 2 * HOUR) for market in Market}
        self.github_away = _windows(rng, 0.2, 2 * HOUR)
        self.cloud_away = _windows(rng, 0.1, HOUR)
        self.doomed = _windows(rng, 0.1, 2 * HOUR)

    def hits(self, lever: str) -> bool:
        odds = self.levers[lever]
        return odds > 0 and self.rng.random() < odds

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.rng.random()

    def up_to(self, lever: str) -> float:
        most = self.levers[lever]
        return self.rng.random() * most if most else 0.0

    @property
    def outages(self) -> float:
        """For how long something outside is away at most, in all."""
        full = [window for windows in self.full.values() for window in windows]
        windows = [*full, *self.github_away, *self.cloud_away, *self.doomed]
        return sum(end - begin for begin, end in windows)


class Away(Unavailable):
    """Nobody is there before `until`."""

    def __init__(self, message: str, *, until: float) -> None:
        super().__init__(message)
        self.until = until


def within(windows: list[Window], seconds: float) -> bool:
    return bool(windows) and end_of(windows, seconds) is not None


def end_of(windows: list[Window], seconds: float) -> float | None:
    """The end of the window that this moment is in, if any."""
    return next((end for begin, end in windows if begin <= seconds < end), None)


def reachable(windows: list[Window], seconds: float) -> None:
    """Raise Away within a window."""
    if windows and (end := end_of(windows, seconds)) is not None:
        raise Away("HTTP 502", until=end)
