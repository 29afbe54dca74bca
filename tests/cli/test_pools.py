"""`runs-fleet pools`: a file previewed and applied, pools shown, and what is done to them."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Worker

from cli.pools_apply import Kept, applied
from cli.pools_managers import running
from cli.pools_plan import Change
from cli.temporal import Trouble
from runs_fleet import names
from runs_fleet.pools import file
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.file import PoolsFile
from runs_fleet.pools.operators import BEGUN
from simulator.ports import free_port
from simulator.temporal import TemporalServer
from tests.cli.conftest import Command, invoke
from tests.cli.sites import SMALL, Site
from tests.connecting import connected
from workflows import attributes
from workflows.pool_manager import PoolManager


@pytest.fixture(scope="module")
def temporal_server() -> Iterator[TemporalServer]:
    """A server of their own: these tests look at all pools that there are."""
    with TemporalServer() as server:
        yield server


@pytest_asyncio.fixture
async def temporal(temporal_server: TemporalServer) -> Client:
    return await connected(temporal_server.address)


@pytest_asyncio.fixture
async def site(temporal: Client, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(temporal, tmp_path)
    async with Worker(temporal, task_queue=names.task_queue("k8s"), workflows=[PoolManager]):
        yield made
    await made.end()


def edits(change: Change) -> list[tuple[str, str, str]]:
    return [(each.field, each.before, each.after) for each in change.edits]


async def test_a_new_pool_is_previewed_and_not_begun(site: Site, command: Command) -> None:
    ended = await command("pools", "plan", site.file(SMALL % ("small", 2)), "--json")
    (change,) = json.loads(ended.out)
    assert (ended.status, change["kind"], change["then"]["hot"]) == (0, "new", 2)
    assert change["reason"] == "the pool's own targets"
    assert await running(site.client) == []


async def test_a_change_is_previewed_field_by_field(site: Site, command: Command) -> None:
    await site.keep("small")
    text = (SMALL % ("small", 3)).replace("max: 10", "max: 20, idle_timeout: 1h30m")
    ended = await command("pools", "plan", site.file(text), "--json")
    (change,) = [Change.model_validate(each) for each in json.loads(ended.out)]
    assert (change.kind, change.now, change.then) == ("changed", Targets(hot=2), Targets(hot=3))
    assert edits(change) == [
        ("targets.hot", "2", "3"),
        ("max", "10", "20"),
        ("idle_timeout", "15m", "1h30m"),
    ]


async def test_people_see_a_preview_as_a_table(site: Site, command: Command) -> None:
    await site.keep("small", "other")
    ended = await command("pools", "plan", site.file(SMALL % ("small", 3)))
    assert ended.status == 0
    for words in ("targets.hot", "3 hot (the pool's own targets)", "--prune ends it"):
        assert words in ended.out
    assert ended.out.endswith("1 changed, 1 left\n")


async def test_a_file_that_is_wrong_reaches_no_pool(site: Site, command: Command) -> None:
    path = site.file(SMALL % ("small", 11))
    planned, applied = await command("pools", "plan", path), await command("pools", "apply", path)
    assert (planned.status, applied.status) == (1, 1)
    assert "pools[0].targets: 11 members are more than max 10" in applied.err
    assert await running(site.client) == []


async def test_a_file_is_applied_by_whoever_does_it(site: Site, command: Command) -> None:
    ended = await command("pools", "apply", site.file(SMALL % ("small", 2)), "--by", "ada@box")
    assert (ended.status, "1 new" in ended.out) == (0, True)
    changed = await command("pools", "apply", site.file(SMALL % ("small", 4)), "--by", "bob@box")
    status = await site.status("small")
    assert (changed.status, "1 changed" in changed.out) == (0, True)
    assert status.definition.targets == Targets(hot=4)
    done = [(each.kind, each.by) for each in status.operations]
    assert done == [("configure", "ada@box"), ("configure", "bob@box")]


async def test_whoever_has_no_store_is_told_what_that_means(site: Site, command: Command) -> None:
    ended = await command("pools", "apply", site.file(SMALL % ("small", 2)), "--json")
    assert [each["kind"] for each in json.loads(ended.out)] == ["new"]
    assert "set RUNS_FLEET_K8S_NAMESPACE or RUNS_FLEET_K8S_KUBECONFIG as workers have" in ended.err


async def test_what_is_applied_is_kept(site: Site) -> None:
    await site.apply(SMALL % ("small", 2))
    assert [each.name for each in site.store.load()] == ["small"]


async def test_a_pool_is_found_by_its_name_in_the_search(site: Site) -> None:
    await site.keep("small")
    found = await site.client.get_workflow_handle(names.pool("k8s", "small")).describe()
    assert found.typed_search_attributes.get(attributes.POOL) == "small"


async def test_what_is_so_already_is_not_done_again(site: Site) -> None:
    await site.apply(SMALL % ("small", 2))
    (change,) = await site.apply(SMALL % ("small", 2))
    assert (change.kind, change.edits) == ("unchanged", ())
    (begun,) = (await site.status("small")).operations
    assert (begun.by, begun.reason) == ("ada@box", BEGUN)


async def test_a_pool_that_is_in_no_file_stays(site: Site) -> None:
    await site.keep("other")
    changes = await site.apply(SMALL % ("small", 2))
    assert [(each.name, each.kind) for each in changes] == [("small", "new"), ("other", "left")]
    await site.shown("small", "other")


async def test_a_pool_that_is_pruned_ends_and_is_forgotten(site: Site) -> None:
    await site.apply((SMALL % ("small", 2)) + (SMALL % ("other", 2)).partition("\n")[2])
    await site.shown("small", "other")
    changes = await site.apply(SMALL % ("small", 2), prune=True)
    ended = await site.status("other")
    assert [(each.name, each.kind) for each in changes][1] == ("other", "removed")
    assert [each.name for each in site.store.load()] == ["small"]
    assert [(each.kind, each.reason) for each in ended.operations] == [
        ("configure", BEGUN),
        ("drain", "not in pools.yaml any more"),
    ]


async def test_nothing_changes_while_the_store_cannot_be_read(site: Site) -> None:
    site.store.texts["broken"] = "{"
    with pytest.raises(Trouble, match="broken"):
        await site.apply(SMALL % ("small", 2))
    assert await running(site.client) == []


async def test_a_refused_definition_is_not_kept(site: Site) -> None:
    await site.keep("small")
    (wrong,) = file.read(SMALL % ("small", 2)).pools
    wrong = wrong.model_copy(update={"max": 1})
    kept = Kept(lambda _: site.store)
    with pytest.raises(Trouble, match="more than max 1") as caught:
        await applied(site.client, PoolsFile((wrong,)), kept, prune=False, by="ada@box")
    assert caught.value.status == 1
    assert site.store.load() == []


async def test_what_one_pool_refuses_changes_no_other(site: Site) -> None:
    await site.apply((SMALL % ("small", 2)) + (SMALL % ("other", 2)).partition("\n")[2])
    right, wrong = (
        each.model_copy(update=change)
        for each, change in zip(site.store.load(), ({"max": 9}, {"max": 1}), strict=True)
    )
    kept = Kept(lambda _: site.store)
    with pytest.raises(Trouble, match=r"more than max 1.*nothing was changed") as caught:
        await applied(site.client, PoolsFile((right, wrong)), kept, prune=False, by="ada@box")
    assert caught.value.status == 1
    assert right not in site.store.load()
    assert (await site.status(right.name)).definition.max != right.max


async def test_pools_are_listed(site: Site, command: Command) -> None:
    await site.keep("small", "other")
    out = (await command("pools", "list")).out
    assert [name for name in ("small", "other", "2 hot", "0/10") if name not in out] == []
    told = json.loads((await command("pools", "list", "--json")).out)
    assert [each["name"] for each in told] == ["other", "small"]


async def test_without_pools_the_list_says_how_to_begin(site: Site, command: Command) -> None:
    ended = await command("pools", "list")
    assert (ended.status, "runs-fleet pools apply" in ended.out) == (0, True)


@pytest.mark.parametrize(("kind", "word"), [("drain", "drained"), ("pause", "paused")])
async def test_a_pool_is_closed_and_opened_by_hand(
    site: Site, command: Command, kind: str, word: str
) -> None:
    await site.keep("small")
    ended = await command("pools", kind, "small", "--by", "ada@box", "--reason", "new [image]")
    assert (ended.status, f"pool small (k8s) is {word}" in ended.out) == (0, True)
    shown = (await command("pools", "show", "small")).out
    assert f"UTC {kind} by ada@box: new [image]" in shown
    assert f"pool          small (k8s): {word}" in shown
    opened = await command("pools", "resume", "small", "--mode", "k8s")
    assert (opened.status, "is open" in opened.out) == (0, True)


async def test_members_are_replaced_by_hand(site: Site, command: Command) -> None:
    await site.keep("small")
    assert (await command("pools", "recycle", "small", "--by", "ada")).status == 0
    told = json.loads((await command("pools", "show", "small", "--json")).out)
    done = [(each["kind"], each["by"]) for each in told["operations"]]
    assert done == [("configure", "test"), ("recycle", "ada")]


async def test_a_pool_is_resized_by_hand(site: Site, command: Command) -> None:
    await site.keep("small")
    ended = await command("pools", "resize", "small", "hot=5")
    assert (ended.status, "free members to keep: 5 hot" in ended.out) == (0, True)
    assert "resized by an operator" in ended.out


@pytest.mark.parametrize(
    ("targets", "status", "said"),
    [
        (("hot=99",), 1, "more than max 10"),
        (("stopped=1",), 1, "stopped members are kept in EC2 mode only"),
        (("hott=1",), 2, "unknown tier 'hott'; did you mean 'hot'?"),
        (("hot=few",), 2, "'hot=few' is no target; write it as hot=3"),
    ],
)
async def test_a_size_that_cannot_be_is_refused(
    site: Site, command: Command, targets: tuple[str, ...], status: int, said: str
) -> None:
    await site.keep("small")
    ended = await command("pools", "resize", "small", *targets)
    assert (ended.status, said in ended.err) == (status, True)


async def test_a_pool_that_is_not_kept_is_told_so(site: Site, command: Command) -> None:
    await site.keep("small")
    ended = await command("pools", "pause", "smal")
    assert (ended.status, ended.err) == (
        1,
        "runs-fleet: no pool 'smal' is kept; there are: 'small' of mode k8s\n",
    )


async def test_a_pool_that_has_ended_is_a_new_one(site: Site) -> None:
    await site.keep("small")
    await site.client.get_workflow_handle(names.pool("k8s", "small")).terminate()
    (change,) = await site.apply(SMALL % ("small", 2))
    assert change.kind == "new"


def test_a_temporal_that_is_away_is_one_line(tmp_path: Path) -> None:
    ended = invoke(f"127.0.0.1:{free_port()}", "pools", "list")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
