"""What a definition must be besides well formed; and the same rules where there is no file."""

from datetime import timedelta

import pytest

from runs_fleet.models import RunnerSpec
from runs_fleet.pools import file, rules
from runs_fleet.pools.definition import Demand, Targets
from tests.pools.definitions import pool, scheduled, window
from tests.pools.files import GOOD, one, wrong

WINDOW = "{days: %s, start: %s, end: %s, targets: {hot: %s}}"
LISTENING = "listening: {repository: octo/hello, label: %s}"


def windows(*entries: tuple[str, str, str, int]) -> str:
    """A file whose windows are in the lines from 8 on."""
    lines = [f"\n  - {WINDOW % entry}" for entry in entries]
    return one(f"schedule:\n  windows:{''.join(lines)}\n")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("targets: {hot: 6, stopped: 5}", "6:3: pools[0].targets: 11 members are more than max 10"),
        ("min: 11", "6:3: pools[0].min: 11 is more than max 10; lower it, or raise max"),
        ("idle_timeout: 59s", "pools[0].idle_timeout: it is shorter than a minute"),
        ("demand: {cap: 11}", "6:12: pools[0].demand.cap: 11 is more than max 10"),
        ("demand: {cap: 4, floor: 5}", "6:20: pools[0].demand.floor: 5 is more than cap 4"),
        ("demand: {cap: 4, window: 30s}", "demand.window: it is shorter than a minute"),
        ("demand: {cap: 4, window: 24h}", "window and linger are longer than 24h together"),
        ("schedule: {time_zone: CET+1}", "6:14: pools[0].schedule.time_zone: there is no"),
        ("schedule: {time_zone: Europe}", "there is no time zone 'Europe'"),
        ("schedule: {time_zone: ../passwd}", "there is no time zone '../passwd'"),
        ("schedule: {time_zone: Europe/Berln}", "did you mean 'Europe/Berlin'?"),
        ("repositories: [octo/a, Octo/A]", "6:26: pools[0].repositories[1]: 'Octo/A' is"),
        ("repositories: [a/b]\nweights: {b/c: 2}", "'b/c' is none of the pool's repositories"),
        ("repository_limit: 11", "11 is more than max 10 and limits nobody"),
        ("cache: {size: 1, volumes: 1}", "pools[0].cache: only pods lease volumes (k8s mode)"),
        ("targets: {listening: 1}", "6:13: pools[0].targets.listening: it is not said where they"),
        (LISTENING % "linux", "'linux' is no label of ours; write runs-fleet/pool=default"),
        (LISTENING % "runs-fleet/poll=default", "unknown key 'poll'; did you mean 'pool'?"),
        (LISTENING % "runs-fleet=7/pool=default", "has a run id, so that it is never asked for"),
        (LISTENING % "runs-fleet/pool=other", "does not ask for pool 'default'"),
        (LISTENING % "runs-fleet", "does not ask for pool 'default'"),
        (LISTENING % "runs-fleet/pool=default/cpu=16", "its machines are not what the label asks"),
        (LISTENING % "runs-fleet/pool=default, patience: 2m", "it is not from 1s to 1m"),
        (LISTENING % "runs-fleet/pool=default, organization: acme", "'acme' does not own octo"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_on_ec2_is_refused(section: str, said: str) -> None:
    (found,) = wrong(one(section))
    assert said in found


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("targets: {stopped: 1}", "targets.stopped: there are no such members in k8s mode"),
        ("targets: {listening: 1}", "targets.listening: there are no such members in k8s mode"),
        ("demand: {cap: 4, tier: stopped}", "demand.tier: there are no stopped members in k8s"),
        (LISTENING % "runs-fleet/pool=default", "pods cannot listen in k8s mode"),
        ("cache: {size: 1, volumes: 1, path: here}", "'here' is no absolute path"),
    ],
)
def test_what_makes_no_sense_in_kubernetes_is_refused(section: str, said: str) -> None:
    (found,) = wrong(one(section, mode="k8s"))
    assert said in found


def test_a_daemon_beside_the_runner_is_for_pods() -> None:
    (found,) = rules.mistakes(pool(spec=RunnerSpec(docker=True)))
    assert found.field == "spec.docker"
    assert rules.mistakes(pool(spec=RunnerSpec(docker=True), mode="k8s")) == ()


@pytest.mark.parametrize(
    "entries",
    [
        (("mon-fri", "08:00", "18:00", 1), ("fri-sun", "07:00", "09:00", 2)),
        (("fri", "22:00", "06:00", 1), ("sat", "05:00", "08:00", 2)),
        (("sun", "22:00", "06:00", 1), ("mon", "00:00", "08:00", 2)),
        (("mon", "08:00", "18:00", 1), ("mon", "12:00", "13:00", 2)),
        (("mon-sun", "00:00", "24:00", 1), ("mon", "12:00", "13:00", 1)),
    ],
)
def test_windows_that_get_in_each_others_way_are_refused(
    entries: tuple[tuple[str, str, str, int], ...],
) -> None:
    (found,) = wrong(windows(*entries))
    assert found.startswith("9:7: pools[0].schedule.windows[1]: ")


@pytest.mark.parametrize(
    "entries",
    [
        (("mon", "12:00", "13:00", 2), ("mon-fri", "08:00", "18:00", 1)),
        (("mon", "08:00", "12:00", 2), ("mon", "12:00", "18:00", 1)),
        (("mon", "08:00", "12:00", 2), ("mon", "11:00", "18:00", 2)),
        (("sun", "22:00", "06:00", 1), ("mon", "06:00", "08:00", 2)),
    ],
)
def test_windows_that_have_one_meaning_are_not(
    entries: tuple[tuple[str, str, str, int], ...],
) -> None:
    assert file.read(windows(*entries)).pools[0].schedule.windows != ()


def test_an_overlap_is_told_with_its_first_moment() -> None:
    (found,) = wrong(windows(("mon-fri", "08:00", "18:00", 1), ("fri-sun", "07:00", "09:00", 2)))
    assert "it overlaps window [0] from fri 08:00 on, with other targets" in found


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("[{first: 2026-12-24, last: 9999-12-31, targets: {}}]", "9999-12-31 is beyond all plans"),
        ("[{first: 2026-12-26, last: 2026-12-24, targets: {}}]", "is before its first 2026-12-26"),
        (
            "[{first: 2026-12-24, last: 2026-12-26, targets: {}},"
            " {first: 2026-12-25, last: 2027-01-02, targets: {hot: 1}}]",
            "it overlaps override [0] from 2026-12-25 on",
        ),
        (
            "[{first: 2026-12-24, last: 2026-12-26, targets: {}},"
            " {first: 2026-12-25, last: 2026-12-25, targets: {}}]",
            "every override before it comes first, so it never holds",
        ),
    ],
)
def test_overrides_that_get_in_each_others_way_are_refused(overrides: str, said: str) -> None:
    (found,) = wrong(one(f"schedule: {{overrides: {overrides}}}"))
    assert said in found


def test_two_pools_of_a_mode_have_two_names() -> None:
    text = one("") + "- {name: default, mode: ec2, spec: {}, max: 1}\n"
    (found,) = wrong(text)
    assert found.startswith("6:4: pools[1].name: pools[0] has this name and mode as well")
    assert len(file.read(text.replace("default, mode: ec2", "default, mode: k8s")).pools) == 2


def test_two_pools_never_listen_under_one_label() -> None:
    section = LISTENING % "runs-fleet/pool=default"
    text = one(section) + "\n" + one(section).removeprefix("pools:\n")
    assert any("pools[1].listening.label: pools[0] listens under this" in f for f in wrong(text))


def test_the_template_of_ephemeral_pools_is_held_to_the_rules() -> None:
    (found,) = wrong("ephemeral:\n  repositories: [octo/*]\n  template: {max: 2, min: 3}\n")
    assert found.startswith("3:22: ephemeral.template.min: 3 is more than max 2")


def test_the_rules_hold_without_a_file() -> None:
    broken = scheduled(
        window("08:00", "18:00", hot=60),
        zone="Mars/Olympus",
        min=99,
        demand=Demand(cap=99, window=timedelta(days=2)),
    )
    assert [each.field for each in rules.mistakes(broken)] == [
        "schedule.windows[0].targets",
        "min",
        "demand.cap",
        "demand.window",
        "schedule.time_zone",
    ]
    assert str(rules.mistakes(pool(min=51))[0]).startswith("min: 51 is more than max 50")


def test_a_definition_that_is_right_breaks_no_rule() -> None:
    right = [*file.read(GOOD).pools, pool(targets=Targets(hot=50))]
    assert [rules.mistakes(each) for each in right] == [(), (), ()]
