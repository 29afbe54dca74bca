"""Pools that commands are tried on: managers of one mode, and nothing outside."""

from pathlib import Path

from temporalio.client import Client

from cli.pools_apply import Kept, applied
from cli.pools_managers import PoolId, configure, running, status_of
from cli.pools_plan import Change
from runs_fleet import names
from runs_fleet.pools import file
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.stores import MemoryPoolStore
from runs_fleet.pools.wire import PoolSettings
from tests.lifecycles import eventually

SMALL = "pools:\n- {name: %s, mode: k8s, spec: {cpu: 4}, max: 10, targets: {hot: %s}}\n"


class Site:
    """Managers of one mode, with nothing outside; a store that can be away."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self._folder = client, folder
        self.store = MemoryPoolStore()

    def file(self, text: str) -> str:
        """Write a file, and name it."""
        path = self._folder / "pools.yaml"
        path.write_text(text)
        return str(path)

    async def apply(self, text: str, *, prune: bool = False) -> list[Change]:
        """Have pools be as a file says, and keep it."""
        kept = Kept(lambda _: self.store)
        return await applied(self.client, file.read(text), kept, prune=prune, by="ada@box")

    async def keep(self, *names_: str) -> None:
        """Begin to keep pools, and wait until the search shows them."""
        for name in names_:
            (definition,) = file.read(SMALL % (name, 2)).pools
            await configure(self.client, PoolSettings(definition=definition, by="test"))
        await self.shown(*names_)

    async def status(self, name: str) -> PoolStatus:
        """Ask a pool that is kept."""
        found = await status_of(self.client, PoolId("k8s", name))
        assert found is not None
        return found

    async def shown(self, *names_: str) -> None:
        """Wait until the search shows these pools and no others."""

        async def seen() -> bool:
            return {each.name for each in await running(self.client)} == set(names_)

        await eventually(seen)

    async def end(self) -> None:
        """Leave no manager to the next test."""
        for pool in await running(self.client):
            await self.client.get_workflow_handle(names.pool(*pool)).terminate()
        await self.shown()
