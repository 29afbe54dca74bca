"""What the doctor says of a Valkey that keeps too little, or lets runners do too much."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from cli.checks import valkey
from cli.checks.findings import Opened
from cli.checks.valkey import Site
from runs_fleet.queues import valkey_users
from runs_fleet.settings import K8sSettings, load_worker
from simulator.valkey import ValkeyServer
from tests.doctor.conftest import found
from tests.test_settings_k8s import K8S, USERS

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

FLEET = valkey_users.fleet("worker", USERS["RUNS_FLEET_VALKEY_PASSWORD"])
RUNNER = valkey_users.runner("runner", USERS["RUNS_FLEET_VALKEY_RUNNER_PASSWORD"])
NOBODY = valkey_users.NOBODY
USUAL = (NOBODY, FLEET, RUNNER)
Start = Callable[..., AbstractContextManager[Opened[Site]]]


def settings(url: str, **variables: str) -> K8sSettings:
    given = {**K8S, **USERS, "RUNS_FLEET_VALKEY_URL": url, **variables}
    loaded = load_worker({name: value for name, value in given.items() if value})
    assert isinstance(loaded, K8sSettings)
    return loaded


@pytest.fixture
def server(tmp_path: Path) -> Start:
    """Start a server with these users and options, and have the doctor find it."""

    @contextmanager
    def start(
        users: tuple[str, ...] = USUAL, *options: str, persistent: bool = True, **variables: str
    ) -> Iterator[Opened[Site]]:
        running = ValkeyServer(tmp_path, users=users, options=options, persistent=persistent)
        with running, ExitStack() as stack:
            yield valkey.opened(stack, settings=settings(running.url, **variables))

    return start


def there(opened: Opened[Site]) -> Site:
    assert opened.site is not None, opened.verdicts
    return opened.site


async def test_a_server_that_is_set_up_as_documented_is_well(server: Start) -> None:
    with server() as opened:
        assert opened.verdicts["Valkey"].status == "ok"
        findings = [await found(look, there(opened)) for look in valkey.CHECKS.values()]
    assert [each.said for each in findings if each.status != "ok"] == []


async def test_asking_changes_nothing(server: Start) -> None:
    with server((*USUAL, "user test on nopass ~* +@all")) as opened:
        site = there(opened)
        _ = [await found(look, site) for look in valkey.CHECKS.values()]
        assert site.client.exists(valkey.REPORTS, valkey.SPOOL) == 0


async def test_a_server_without_a_disk_is_warned_of(server: Start) -> None:
    with server(persistent=False) as opened:
        finding = await found(valkey.persistence, there(opened))
    assert (finding.status, "appendonly is off" in finding.said) == ("warning", True)


async def test_a_server_that_drops_what_it_holds_fails(server: Start) -> None:
    options = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
    with server(USUAL, *options) as opened:
        finding = await found(valkey.memory, there(opened))
    assert (finding.status, "allkeys-lru" in finding.said) == ("failed", True)


async def test_a_server_that_is_nearly_full_is_warned_of(server: Start) -> None:
    with server(USUAL, "--maxmemory", "1kb") as opened:
        finding = await found(valkey.memory, there(opened))
    assert (finding.status, "nine tenths" in finding.said) == ("warning", True)


@pytest.mark.parametrize(
    ("lacking", "words"), [("+xdel", "XDEL"), ("+eval ", "EVAL"), ("+xadd", "XADD")]
)
async def test_what_the_worker_may_not_do_is_named(server: Start, lacking: str, words: str) -> None:
    with server((NOBODY, FLEET.replace(lacking, ""), RUNNER)) as opened:
        finding = await found(valkey.worker_user, there(opened))
    assert (finding.status, finding.said) == ("failed", f"the worker's user may not {words}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (RUNNER.replace("%W~", "~") + " +xlen", "it may read reports"),
        (RUNNER.replace("%W~runs-fleet:reports", "~runs-fleet:*"), "append to the spool"),
        (RUNNER + " ~* +@all", "change the server"),
        (RUNNER.replace("+xadd", ""), "may not append reports"),
    ],
)
async def test_what_runners_may_do_beyond_reporting_is_named(
    server: Start, line: str, words: str
) -> None:
    with server((NOBODY, FLEET, line)) as opened:
        finding = await found(valkey.runner_user, there(opened))
    assert (finding.status, words in finding.said) == ("failed", True)


async def test_a_runners_password_that_the_server_does_not_know_fails(server: Start) -> None:
    with server((NOBODY, FLEET)) as opened:
        finding = await found(valkey.runner_user, there(opened))
    assert (finding.status, "does not know" in finding.said) == ("failed", True)


async def test_runners_without_a_user_of_their_own_are_warned_of(server: Start) -> None:
    nobody = dict.fromkeys(USERS, "")
    with server((), **nobody) as opened:
        finding = await found(valkey.runner_user, there(opened))
    assert (finding.status, "without a user" in finding.said) == ("warning", True)


async def test_a_wrong_password_is_told_apart_from_no_server(server: Start) -> None:
    with server((NOBODY, RUNNER)) as opened:
        refused = opened.verdicts["Valkey"]
    with ExitStack() as stack:
        away = valkey.opened(stack, settings=settings("redis://127.0.0.1:1")).verdicts["Valkey"]
    assert (refused.status, away.status) == ("failed", "failed")
    assert "RUNS_FLEET_VALKEY_PASSWORD" in refused.cure
    assert "RUNS_FLEET_VALKEY_URL" in away.cure
    assert USERS["RUNS_FLEET_VALKEY_PASSWORD"] not in refused.said
