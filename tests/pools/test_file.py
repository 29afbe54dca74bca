"""`pools.yaml`: what it says, and every mistake with its place and its remedy."""

from datetime import date, time, timedelta

import pytest

from runs_fleet.models import RunnerSpec, Scope, Span
from runs_fleet.pools import file, written
from runs_fleet.pools.definition import (
    Cache,
    Demand,
    EphemeralPolicy,
    EphemeralTemplate,
    Listening,
    Override,
    PoolDefinition,
    Schedule,
    Targets,
    Window,
)
from tests.pools.files import GOOD, one, wrong

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")


def test_a_pool_is_what_the_file_says() -> None:
    assert file.read(GOOD).pools[0] == PoolDefinition(
        name="default",
        mode="ec2",
        spec=RunnerSpec(cpu=Span(least=4, most=8), ram=Span(least=8), arch="arm64", disk=60),
        targets=Targets(hot=2, stopped=4, listening=1),
        max=20,
        idle_timeout=timedelta(minutes=20),
        schedule=Schedule(
            time_zone="Europe/Berlin",
            windows=(
                Window(days=WEEKDAYS, start=time(12), end=time(13), targets=Targets(hot=1)),
                Window(days=WEEKDAYS, start=time(8), end=time(18), targets=Targets(hot=6)),
            ),
            overrides=(
                Override(first=date(2026, 12, 24), last=date(2026, 12, 26), targets=Targets()),
            ),
        ),
        demand=Demand(
            tier="stopped",
            cap=10,
            percentile=0.95,
            window=timedelta(hours=2),
            linger=timedelta(minutes=30),
        ),
        repositories=("octo/*",),
        weights={"octo/hello": 3},
        repository_limit=5,
        listening=Listening(
            scope=Scope(repo="octo/hello", org="octo"), label="runs-fleet/pool=default"
        ),
    )


def test_pods_have_what_only_pods_can() -> None:
    pods = file.read(GOOD).pools[1]
    assert pods.cache == Cache(size=20, volumes=3)
    assert pods.spec == RunnerSpec(cpu=Span(least=4, most=8), families=("c7g", "m7g"))


def test_the_policy_of_ephemeral_pools_is_what_the_file_says() -> None:
    template = EphemeralTemplate(max=10, demand=Demand(cap=8), idle_life=timedelta(hours=2))
    policy = EphemeralPolicy(repositories=("octo/*",), names=("team-*",), template=template)
    assert file.read(GOOD).ephemeral == policy


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "pools: []\n", "pools:\n"])
def test_a_file_may_be_empty(text: str) -> None:
    assert file.read(text) == file.PoolsFile()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("hot: 3", "6:3: pools[0].hot: unknown key 'hot'; known: targets, min, max,"),
        ("idle_timout: 3m", "6:3: pools[0].idle_timout: unknown key 'idle_timout'; did you mean"),
        ("targets: {hott: 1}", "did you mean 'hot'?; known: listening, hot, stopped"),
        ("targets: 3", "6:3: pools[0].targets: '3' is no section of keys and values"),
        ("targets: {hot: few}", "6:13: pools[0].targets.hot: 'few' is no whole number"),
        ("targets: {hot: -1}", "pools[0].targets.hot: '-1' is below 0, the least"),
        ("max: 4", "6:3: pools[0].max: 'max' is written twice, first in line 5; keep one"),
        ("idle_timeout: 15", "'15' is no length of time; write it as 30s, 15m, 4h"),
        ("idle_timeout: [1]", "a length of time is wanted"),
        ("repositories: octo/*", "'octo/*' is no list; write it as [a, b]"),
        ("repositories: [octo]", "6:18: pools[0].repositories[0]: 'octo' is no repository"),
        ("weights: {octo/hello: 0}", "pools[0].weights.octo/hello: '0' is below 1, the least"),
        ("weights: {hello: 1}", "6:13: pools[0].weights.hello: 'hello' is no repository"),
        ("demand: {}", "6:3: pools[0].demand.cap: cap is missing: highest number of machines"),
        ("demand: {cap: 3, percentile: p0}", "'p0' is no percentile; write it as p90 or 0.9"),
        ("demand: {cap: 3, percentile: 9}", "'9' is no percentile"),
        ("demand: {cap: 3, tier: hote}", "'hote' is not hot or stopped; did you mean 'hot'?"),
        ("schedule: {time_zone: [a]}", "pools[0].schedule.time_zone: a list is no text"),
        ("cache: {size: 0, volumes: 1}", "pools[0].cache.size: '0' is below 1, the least"),
    ],
)
def test_what_is_not_well_formed_is_refused(section: str, said: str) -> None:
    (found,) = wrong(one(section))
    assert said in found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("days: mon-fry", "'mon-fry' is no day and no row of days; days are mon, tue,"),
        ("days: []", "there are no days; write them as mon-fri or [mon, wed, sat]"),
        ("start: 8:00", "'8:00' is no time of day; write it as 08:00"),
        ("start: 24:30", "'24:30' is no time of day"),
        ("end: noon", "'noon' is no time of day"),
    ],
)
def test_what_is_no_window_is_refused(line: str, said: str) -> None:
    right = {"days": "mon-fri", "start": "08:00", "end": "18:00", "targets": "{}"}
    key, _, value = line.partition(": ")
    lines = ", ".join(f"{k}: {v}" for k, v in {**right, key: value}.items())
    (found,) = wrong(one(f"schedule:\n  windows:\n  - {{{lines}}}"))
    assert found.startswith("8:")
    assert said in found


@pytest.mark.parametrize("first", ["2026-02-30", "tomorrow", "20261224", "2026-12-24T00:00"])
def test_what_is_no_date_is_refused(first: str) -> None:
    override = f"{{first: '{first}', last: 2026-12-24, targets: {{}}}}"
    (found,) = wrong(one(f"schedule: {{overrides: [{override}]}}"))
    assert f"{first!r} is no date; write it as 2026-12-24" in found


@pytest.mark.parametrize(
    ("days", "read"),
    [
        ("mon-fri", WEEKDAYS),
        ("[sat, sun]", ("sat", "sun")),
        ("Fri-Mon", ("mon", "fri", "sat", "sun")),
        ("mon, wed-thu", ("mon", "wed", "thu")),
        ("[tue, tue]", ("tue",)),
    ],
)
def test_days_are_read_as_people_write_them(days: str, read: tuple[str, ...]) -> None:
    days = days if days.startswith("[") else f"'{days}'"
    window = f"{{days: {days}, start: 22:00, end: 24:00, targets: {{hot: 1}}}}"
    pools = file.read(one(f"schedule: {{windows: [{window}]}}")).pools
    assert pools[0].schedule.windows[0].days == read
    assert pools[0].schedule.windows[0].end == time(0)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{}", ""),
        ("{cpu: 0}", "4:10: pools[0].spec.cpu: '0' is not a whole number from 1 to 896; accepted"),
        ("{cpus: 4}", "unknown key 'cpus'; did you mean 'cpu'?; known: runner, cpu, ram"),
        ("{pool: default}", "a pool is its own pool; leave it out"),
        ("{backend: ec2}", "the pool's mode says where its machines are; leave it out"),
        ("{rerun: false}", "the job's to say; leave it out"),
        ("{arch: sparc}", "pools[0].spec.arch: 'sparc' is not"),
        ("{runner: 4cpu-linux-arm64, cpu: 16}", "part 'cpu=16+32' contradicts 'runner='"),
        ("{disk: 4/spot=false}", "pools[0].spec.disk: '4?spot=false' is not a whole number"),
        ("{spot: true}", "members on EC2 are bought on demand"),
        ("big", "pools[0].spec: 'big' is no section of keys and values"),
    ],
)
def test_a_spec_is_read_as_a_label_is(spec: str, said: str) -> None:
    text = f"pools:\n- name: default\n  mode: ec2\n  spec: {spec}\n  max: many"
    found = wrong(text)
    assert found[-1] == "5:3: pools[0].max: 'many' is no whole number"
    assert said in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pols: []", "1:1: pols: unknown key 'pols'; did you mean 'pools'?"),
        ("- a", "1:1: a list is no section of keys and values"),
        ("pools: {}", "1:1: pools: a section is no list; write it as [a, b]"),
        ("pools: [3]", "1:9: pools[0]: '3' is no section of keys and values"),
        ("ephemeral: {repositories: []}", "1:1: ephemeral.template: template is missing: what"),
        ("pools: [{name: A, mode: ec2, spec: {}, max: 1}]", "1:10: pools[0].name: 'A' is no name"),
        ("pools: [{name: a, mode: ec3, spec: {}, max: 1}]", "'ec3' is not ec2 or k8s; did you"),
        ("pools: [{mode: ec2, spec: {}, max: 1}]", "1:9: pools[0].name: name is missing: what"),
        ("pools: [a: b", "1:13: this is no YAML: while parsing a flow sequence"),
        ("pools: \x07", "1:1: this is no YAML: unacceptable character"),
        ("pools: []\n---\npools: []", "2:1: this is no YAML: expected a single document"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(text: str, said: str) -> None:
    assert any(found.startswith(said) or said in found for found in wrong(text))


def test_everything_is_said_at_once_in_the_order_of_lines() -> None:
    text = one("colour: red\nmin: 11\n") + "- {name: default, mode: ec2, spec: {cpu: x}, max: y}\n"
    assert [found.split(": ")[:2] for found in wrong(text)] == [
        ["6:3", "pools[0].colour"],
        ["7:3", "pools[0].min"],
        ["8:4", "pools[1].name"],
        ["8:37", "pools[1].spec.cpu"],
        ["8:46", "pools[1].max"],
    ]


@pytest.mark.parametrize(
    ("written_model", "definition"),
    [
        (written.Targets, Targets),
        (written.Demand, Demand),
        (written.Cache, Cache),
        (written.Schedule, Schedule),
        (written.Pool, PoolDefinition),
        (written.Template, EphemeralTemplate),
        (written.Ephemeral, EphemeralPolicy),
    ],
)
def test_the_file_promises_the_defaults_that_hold(
    written_model: type[written.Written], definition: type[PoolDefinition]
) -> None:
    fields = {"max": "1", "cap": "1", "size": "1", "volumes": "1", "name": "a", "mode": "ec2"}
    fields |= {"spec": "", "repositories": "", "template": ""}
    ours, theirs = written_model.model_fields, definition.model_fields
    promised = {k: field.get_default(call_default_factory=True) for k, field in ours.items()}
    held = {k: theirs[k].get_default(call_default_factory=True) for k in ours}
    told = [(k, _plain(promised[k]), _plain(held[k])) for k in ours if k not in fields]
    assert [each for each in told if each[1] != each[2]] == []


def _plain(value: object) -> object:
    return value.model_dump() if hasattr(value, "model_dump") else value
