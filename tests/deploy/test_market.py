"""The market's watch goes through deploys: the current build has it, with all that it knows."""

from datetime import UTC, datetime
from functools import partial

from temporalio.client import WorkflowHandle

from runs_fleet.market import MarketState, News, Sighting
from runs_fleet.models import Market
from tests.deploy.builds import Site, build_of
from tests.lifecycles import eventually
from workflows.market_watch import MarketWatch

Watch = WorkflowHandle[MarketWatch, None]


async def tell(watch: Watch, *names: str) -> None:
    """Tell, one after the other, that types are sold out."""
    for name in names:
        seen = Sighting(market=Market.SPOT, machine_type=name, zone="z-a", at=datetime.now(UTC))
        await watch.signal(MarketWatch.note, News(sold_out=(seen,)))


async def known(watch: Watch) -> list[str]:
    view = await watch.query(MarketWatch.view)
    return [each.machine_type for each in view.shortages]


async def is_of(watch: Watch, build: str) -> bool:
    return await build_of(watch) == build


async def test_the_next_build_watches_on_with_all_that_is_known(site: Site) -> None:
    async with site.serving("1"):
        await site.make_current("1")
        begun = await site.temporal.start_workflow(
            MarketWatch.run,
            MarketState(longest_history=12),
            id=f"market-{site.queue}",
            task_queue=site.queue,
        )
        await tell(begun, "c7g.large")
        await eventually(partial(is_of, begun, "1"))
        async with site.serving("2"):
            await site.make_current("2")
    async with site.serving("2"):
        watch = site.temporal.get_workflow_handle(begun.id)
        await tell(watch, "c8g.large", "m7g.large", "m8g.large")
        await eventually(partial(is_of, watch, "2"))
        assert await known(watch) == ["c7g.large", "c8g.large", "m7g.large", "m8g.large"]
        await watch.terminate()
