"""What a benchmark says: tables for people, aims with their verdicts, spreads of samples."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, computed_field

from simulator.accounts import percentile

WHOLE_FROM = 100

Cell = str | float | int


class Aim(BaseModel):
    """A promise of the project, and what came of it."""

    name: str
    value: float
    at_most: float
    unit: str = ""

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no property under it
    @property
    def met(self) -> bool:
        """Whether the promise was kept."""
        return self.value <= self.at_most


class Result(BaseModel):
    """One table; `notes` say how it was measured."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    notes: list[str] = []


class Spread(BaseModel):
    """How samples lie."""

    count: int
    first: float = 0
    p50: float = 0
    p99: float = 0
    last: float = 0


def spread(samples: Iterable[float]) -> Spread:
    """Sort samples and read off what matters."""
    ordered = sorted(samples)
    if not ordered:
        return Spread(count=0)
    return Spread(
        count=len(ordered),
        first=round(ordered[0], 1),
        p50=percentile(ordered, 0.50),
        p99=percentile(ordered, 0.99),
        last=round(ordered[-1], 1),
    )


def shown(cell: Cell) -> str:
    """Write a cell: as many digits as mean something."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or cell >= WHOLE_FROM:
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if cell != round(cell) else f"{cell:.0f}"


def unmet(results: Sequence[Result]) -> list[Aim]:
    """List the promises that were not kept."""
    return [aim for result in results for aim in result.aims if not aim.met]
