"""A pool of Kubernetes mode: placeholder pods, and cache volumes that jobs lease."""

from typing import Any

from runs_fleet.errors import Unavailable
from runs_fleet.pools.definition import Cache, Targets
from tests.lifecycles import eventually
from tests.pools.managing import Begin, Ports, ended


def pods(**changes: Any) -> dict[str, Any]:
    return {"mode": "k8s", "targets": Targets(hot=3), "max": 4, **changes}


async def test_as_many_placeholders_are_kept_as_are_wanted(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(**pods())
    await eventually(lambda: [order.replicas for order in ports.placeholders.orders] == [3])
    status = await pool.status()
    assert status.replicas == 3
    assert ports.warm.orders == []


async def test_placeholders_and_runners_are_never_more_than_max(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**pods())
    await eventually(lambda: ports.placeholders.orders)
    jobs = [await pool.asker() for _ in range(2)]
    answers = [await job.claims() for job in jobs]
    assert {each.kind for each in answers} == {"none"}
    assert "placeholders make room" in answers[0].reason
    await eventually(lambda: ports.placeholders.orders[-1].replicas == 2)
    await jobs[0].leaves(final=True)
    await eventually(lambda: ports.placeholders.orders[-1].replicas == 3)


async def test_a_cache_volume_is_one_attempts_until_it_leaves(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**pods(cache=Cache(size=10, volumes=1)))
    volume = f"{pool.name}-cache-0"

    async def is_there() -> bool:
        facts = (await pool.status()).placeholders
        return facts is not None and facts.volumes == (volume,)

    await eventually(is_there)
    job, other = await pool.asker(), await pool.asker()
    given = await job.claims()
    assert (given.kind, given.cache, given.machine) == ("assigned", volume, None)
    assert (await other.claims()).kind == "none"
    assert (await pool.status()).leases == {volume: job.job_id}
    await job.leaves(volume, gone=True, final=True)
    assert (await pool.claims()).cache == volume


async def test_a_cluster_that_does_not_answer_is_asked_again(
    begin_pool: Begin, ports: Ports
) -> None:
    ports.placeholders.errors.append(Unavailable("no answer"))
    pool = await begin_pool(**pods())

    async def is_kept() -> bool:
        facts = (await pool.status()).placeholders
        return facts is not None and facts.ready == 3

    await eventually(is_kept)


async def test_a_cancelled_manager_takes_all_away(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(**pods(cache=Cache(size=10, volumes=1)))
    await eventually(lambda: ports.placeholders.orders)
    await pool.handle.cancel()
    await eventually(lambda: ports.placeholders.orders[-1].remove)
    assert ports.placeholders.orders[-1].replicas == 0
    await eventually(lambda: pool.is_over())


async def test_an_ended_manager_is_over(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(**pods(ephemeral=True, idle_life="PT1S"))
    await ended(pool)
    assert ports.placeholders.orders[-1].remove
