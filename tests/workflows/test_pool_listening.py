"""Members that are registered before there is a job for them."""

from runs_fleet import names
from runs_fleet.errors import Refused
from runs_fleet.pools.definition import Targets
from tests.lifecycles import eventually
from tests.pools.listening import comes_online, listening
from tests.pools.managing import Begin, Ports


async def test_a_member_is_registered_under_the_fixed_label(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening())
    [member] = await pool.has(1, "registering")
    runner = names.member_runner(member.name, 1)
    machine_id = await eventually(lambda: ports.configs.of(runner))
    config = ports.configs.held[machine_id]
    assert config.standby is not None
    assert (config.standby.member, config.standby.wake) == (member.name, f"queue-{machine_id}")
    assert ports.warm.woken == [f"queue-{machine_id}"]
    assert config.standby.report_key != config.report_key


async def test_a_job_of_its_label_is_patient_and_is_booked_on_it(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening())
    runner = await comes_online(pool, ports)
    job = await pool.asker()
    patient = await job.claims()
    assert patient.kind == "patient"
    assert patient.until is not None
    await pool.says_github("in_progress", runner, job.job_id)
    booked = await job.hears(2)
    assert (booked.kind, booked.tier) == ("booked", "listening")
    [member] = await pool.members("claimed")
    assert (member.name, member.job_id) == (booked.member, job.job_id)


async def test_only_as_many_jobs_are_patient_as_members_listen(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening(max=1))
    await comes_online(pool, ports)
    assert [(await pool.claims()).kind for _ in range(2)] == ["patient", "none"]


async def test_who_has_been_patient_gets_a_member_or_none(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(**listening(max=1))
    await comes_online(pool, ports)
    job = await pool.asker()
    assert (await job.claims()).kind == "patient"
    assert (await job.claims(2, waited=True)).kind == "none"


async def test_a_member_goes_after_its_job_and_its_registration_is_used_up(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening())
    runner = await comes_online(pool, ports)
    await pool.says_github("in_progress", runner, 77)
    ports.github.forget(runner)
    await pool.says_github("completed", runner, 77)
    await eventually(lambda: len(ports.warm.removed) == 1)
    assert ports.github.deleted == []


async def test_a_registration_that_github_dropped_is_made_anew_on_the_same_machine(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening())
    runner = await comes_online(pool, ports)
    ports.github.forget(runner)
    await pool.says_agent(runner, "finished", "registration_lost")
    again = await comes_online(pool, ports, mint=2)
    assert again == runner.replace("-m1", "-m2")
    assert len(ports.warm.orders) == 1


async def test_a_member_that_works_is_kept_when_it_is_to_go(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening())
    runner = await comes_online(pool, ports)
    ports.github.busy.add(runner)
    await pool.operates("drain")
    [member] = await pool.has(1, "leaving")
    assert ports.warm.removed == []
    ports.github.forget(runner)
    await pool.says_github("completed", runner, 77)
    await eventually(lambda: ports.warm.removed == [member.name])


async def test_a_member_that_cannot_be_registered_goes_and_the_pool_rests(
    begin_pool: Begin, ports: Ports
) -> None:
    ports.github.mint_errors.append(Refused("the app may not register runners"))
    pool = await begin_pool(**listening())

    async def is_removed() -> list[str]:
        await pool.agents_stand_by()
        return ports.warm.removed

    await eventually(is_removed)
    status = await pool.status()
    assert "the app may not register runners" in status.trouble
    assert status.rest_until is not None


async def test_hot_members_that_are_too_many_listen_instead(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(**listening(targets=Targets(hot=1)))
    await pool.has(1, "free")
    await pool.operates("resize", targets={"hot": 0, "listening": 1})
    await comes_online(pool, ports)
    assert len(ports.warm.orders) == 1
