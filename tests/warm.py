"""Warm machines kept in memory, and a pool that only listens: its lines are the test's."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runs_fleet.errors import FleetError
    from runs_fleet.models import RunnerSpec
    from runs_fleet.pools.wire import (
        MemberLaunched,
        MemberOrder,
        MemberStatus,
        PoolClaim,
        PoolLeave,
    )


class TakenMembers:
    """The machines of a pool as a lifecycle meets them; `trouble` is what the next take raises."""

    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.started: list[str] = []
        self.woken: list[str] = []
        self.removed: list[str] = []
        self.trouble: FleetError | None = None

    def take(self, machine_id: str, *, runner: str, start: bool, repo: str = "") -> None:
        if self.trouble is not None:
            raise self.trouble
        self.taken[machine_id] = runner
        self.started += [machine_id] if start else []

    def remove(self, member: str, machine_id: str | None) -> bool:
        self.removed.append(member)
        return True

    def wake(self, address: str) -> None:
        self.woken.append(address)

    def launch(self, order: MemberOrder) -> MemberLaunched:
        raise AssertionError(f"a lifecycle launches no member: {order.member}")

    def site(self, spec: RunnerSpec) -> str:
        raise AssertionError(f"a lifecycle knows no site: {spec}")

    def stop(self, machine_id: str) -> None:
        raise AssertionError(f"a lifecycle stops no member: {machine_id}")

    def members(self, pool: str) -> list[MemberStatus]:
        raise AssertionError(f"a lifecycle surveys no pool: {pool}")


@workflow.defn
class SilentPool:
    """Hears claims, and says nothing by itself."""

    def __init__(self) -> None:
        self._claims: list[PoolClaim] = []
        self._leaves: list[PoolLeave] = []
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.signal
    def claim(self, claim: PoolClaim) -> None:
        self._claims.append(claim)

    @workflow.signal
    def leave(self, leave: PoolLeave) -> None:
        self._leaves.append(leave)

    @workflow.signal
    def end(self) -> None:
        self._over = True

    @workflow.query
    def claims(self) -> list[PoolClaim]:
        return self._claims

    @workflow.query
    def leaves(self) -> list[PoolLeave]:
        return self._leaves
