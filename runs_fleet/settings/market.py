"""What a worker is told about the market for machines."""

from typing import Annotated

from pydantic import Field

from runs_fleet.market import MOST_LOSSES, Rules
from runs_fleet.settings.common import LENGTH
from runs_fleet.settings.fields import Duration, setting
from runs_fleet.settings.sweep import SweepSettings

_DEFAULTS = Rules()


class MarketSettings(SweepSettings):
    """How long to leave alone what is sold out, and what is taken away too often."""

    market_sold_out: Duration = setting("MARKET_SOLD_OUT", LENGTH, default=_DEFAULTS.sold_out_for)
    market_window: Duration = setting("MARKET_WINDOW", LENGTH, default=_DEFAULTS.window)
    market_threshold: Annotated[int, Field(ge=1, le=MOST_LOSSES)] = setting(
        "MARKET_THRESHOLD",
        f"a number of machines from 1 to {MOST_LOSSES}",
        default=_DEFAULTS.threshold,
    )
    market_open: Duration = setting("MARKET_OPEN", LENGTH, default=_DEFAULTS.open_for)

    @property
    def market_rules(self) -> Rules:
        """What a worker tells the workflow that watches the market."""
        return Rules(
            sold_out_for=self.market_sold_out,
            window=self.market_window,
            threshold=self.market_threshold,
            open_for=self.market_open,
        )
