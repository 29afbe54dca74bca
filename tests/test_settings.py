"""What operators may write, what they are told when it is wrong, and that the docs know it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.models import Policy
from runs_fleet.settings import (
    BadSettings,
    Ec2Settings,
    LaunchTemplate,
    load_agent,
    load_api,
    load_worker,
)
from runs_fleet.settings.common import Common, Timing
from runs_fleet.settings.fields import duration

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEsecretsecret\n-----END RSA PRIVATE KEY-----\n"
API = {"RUNS_FLEET_WEBHOOK_SECRETS": "a-webhook-secret"}
WORKER = {
    "RUNS_FLEET_GITHUB_APP_ID": "4711",
    "RUNS_FLEET_GITHUB_PRIVATE_KEY": PEM,
    "RUNS_FLEET_REPORT_SECRET": "sixteen-or-more-characters",
    "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_ARM64": "lt-0abc",
    "RUNS_FLEET_EC2_SUBNETS": "subnet-1, subnet-2,",
    "RUNS_FLEET_EC2_REPORTS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/reports.fifo",
}


def load_ec2(environ: dict[str, str]) -> Ec2Settings:
    settings = load_worker(environ)
    assert isinstance(settings, Ec2Settings)
    return settings


def mistakes(read: Callable[[dict[str, str]], object], environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        read(environ)
    return caught.value.mistakes


def test_the_api_needs_only_its_webhook_secrets() -> None:
    settings = load_api(API)
    assert settings.mode == "ec2"
    assert settings.backends == frozenset({settings.mode})
    assert settings.port == 8080
    assert settings.policy == Policy(pool_patience=timedelta(seconds=10))


def test_several_webhook_secrets_serve_a_rotation() -> None:
    settings = load_api({"RUNS_FLEET_WEBHOOK_SECRETS": "newest-secret, older-secret"})
    assert [s.get_secret_value() for s in settings.webhook_secrets] == [
        "newest-secret",
        "older-secret",
    ]


def test_both_backends_may_be_served() -> None:
    settings = load_api({**API, "RUNS_FLEET_MODE": " K8S ", "RUNS_FLEET_BACKENDS": "ec2,K8s"})
    assert (settings.mode, settings.backends) == ("k8s", frozenset({"ec2", "k8s"}))


def test_a_worker_reads_its_github_and_its_ec2() -> None:
    settings = load_ec2(WORKER)
    assert settings.subnets == ("subnet-1", "subnet-2")
    assert settings.launch_templates == {"arm64": LaunchTemplate(id="lt-0abc")}
    assert list(settings.launch_templates) == ["arm64"]
    assert settings.metrics_port == 9090


def test_an_agent_needs_nothing() -> None:
    settings = load_agent({})
    assert settings.runner_dir == Path("/opt/actions-runner")
    assert settings.config_timeout == timedelta(minutes=10)
    assert settings.stop_grace == timedelta(seconds=90)


def test_workers_and_agents_agree_on_the_parameter_path() -> None:
    assert load_ec2(WORKER).ssm_prefix == load_agent({}).ssm_prefix == "/runs-fleet/runners"


@pytest.mark.parametrize("read", [load_api, load_worker, load_agent])
def test_one_env_file_may_serve_all_processes(
    read: Callable[[dict[str, str]], Common],
) -> None:
    assert read({**API, **WORKER, "RUNS_FLEET_AGENT_STOP_GRACE": "5s"}).mode == "ec2"


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    assert load_agent({"PATH": "/bin", "TEMPORAL_ADDRESS": "x:1", "AWS_REGION": "r"}).mode == "ec2"


def test_every_mistake_is_reported_at_once() -> None:
    wrong = {
        **WORKER,
        "RUNS_FLEET_MODE": "lambda",
        "RUNS_FLEET_REPORT_SECRET": "short",
        "RUNS_FLEET_RETRY_LEAST": "20m",
        "RUNS_FLEET_SILENCE": "soon",
        "RUNS_FLEET_EC2_SUBNETS": "vpc-2",
        "RUNS_FLEET_EC2_DEFAULT_ARCH": "amd64",
        "RUNS_FLEET_BOOT_TIMEOUTS": "1m",
    }
    assert [line.partition(":")[0] for line in mistakes(load_worker, wrong)] == [
        "RUNS_FLEET_BOOT_TIMEOUTS",
        "RUNS_FLEET_EC2_DEFAULT_ARCH",
        "RUNS_FLEET_EC2_SUBNETS",
        "RUNS_FLEET_MODE",
        "RUNS_FLEET_REPORT_SECRET",
        "RUNS_FLEET_RETRY_MOST",
        "RUNS_FLEET_SILENCE",
    ]


def test_everything_missing_is_reported_at_once() -> None:
    assert [line.partition(":")[0] for line in mistakes(load_worker, {})] == [
        "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_ARM64",
        "RUNS_FLEET_EC2_REPORTS_QUEUE_URL",
        "RUNS_FLEET_EC2_SUBNETS",
        "RUNS_FLEET_GITHUB_APP_ID",
        "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE",
        "RUNS_FLEET_REPORT_SECRET",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MODE", "lambda", "accepted: ec2 or k8s"),
        ("BACKENDS", "k8s", "must contain RUNS_FLEET_MODE"),
        ("FLEET", "My_Fleet", "accepted: a DNS label"),
        ("FLEET", "f" * 64, "accepted: a DNS label"),
        ("PORT", "tcp://10.0.0.1:80", "accepted: a port"),
        ("PORT", "65536", "accepted: a port"),
        ("LOG_FORMAT", "xml", "accepted: json or console"),
        ("LOG_LEVEL", "loud", "accepted: debug"),
        ("MAX_WAIT", "24h", "gives a queued job up after 24 hours"),
        ("BOOT_TIMEOUT", "0", "must be more than nothing"),
        ("BOOT_TIMEOUT", "-5m", "not a duration"),
        ("BOOT_TIMEOUT", "999999999999d", "at most 30 days"),
        ("RETRY_MOST", "1s", "must not be shorter than RUNS_FLEET_RETRY_LEAST"),
        ("WEBHOOK_SECRETS", "", "missing"),
        ("WEBHOOK_SECRETS", " , ", "names nothing"),
    ],
)
def test_a_mistake_of_the_api_says_what_would_be_accepted(
    variable: str, value: str, said: str
) -> None:
    [line] = mistakes(load_api, {**API, f"RUNS_FLEET_{variable}": value})
    assert line.startswith(f"RUNS_FLEET_{variable}: ")
    assert said in line
    assert "; accepted: " in line


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GITHUB_API_URL", "github.example.com", "not an http or https address"),
        ("GITHUB_API_URL", "https://github.com", "GitHub's site, not its API"),
        ("GITHUB_API_URL", "https://h/api?x=1", "no user, query or fragment"),
        ("GITHUB_APP_ID", "my app", "does not fit"),
        ("GITHUB_PRIVATE_KEY", "MIIEow", "holds no PEM private key"),
        ("GITHUB_SCOPE", "enterprise", "accepted: auto, org or repo"),
        ("MAX_ACTIVITIES", "0", "accepted: a number of threads"),
        ("EC2_LAUNCH_TEMPLATE_AMD64", "lt-0abc:latest", "not a launch template"),
        ("EC2_SSM_PREFIX", "/aws/x", "not a parameter path"),
        ("EC2_SSM_PREFIX", "runners", "not a parameter path"),
        ("EC2_FAMILIES", "C7G!", "does not fit"),
        ("EC2_REPORTS_QUEUE_URL", "reports.fifo", "not an http or https address"),
        ("EC2_SPOOL_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/spool", "not a FIFO queue"),
    ],
)
def test_a_mistake_of_a_worker_says_what_would_be_accepted(
    variable: str, value: str, said: str
) -> None:
    [line] = mistakes(load_worker, {**WORKER, f"RUNS_FLEET_{variable}": value})
    assert line.startswith(f"RUNS_FLEET_{variable}: ")
    assert said in line
    assert "; accepted: " in line


def test_an_unknown_variable_is_a_mistake_with_a_hint() -> None:
    [line] = mistakes(load_api, {**API, "RUNS_FLEET_WEBHOOK_SECRET": "hidden-value"})
    assert line == (
        "RUNS_FLEET_WEBHOOK_SECRET: unknown variable; did you mean RUNS_FLEET_WEBHOOK_SECRETS?"
    )


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load_ec2({**WORKER, "RUNS_FLEET_EC2_EVENTS_QUEUE_URL": ""}).events_queue_url is None


def test_an_empty_metrics_port_turns_metrics_off() -> None:
    assert load_worker({**WORKER, "RUNS_FLEET_METRICS_PORT": ""}).metrics_port is None


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("lt-0abc", LaunchTemplate(id="lt-0abc")),
        ("lt-0abc:7", LaunchTemplate(id="lt-0abc", version=7)),
        ("runner/arm64", LaunchTemplate(name="runner/arm64")),
        ("runner(x):12", LaunchTemplate(name="runner(x)", version=12)),
    ],
)
def test_a_launch_template_is_an_id_or_a_name_perhaps_with_a_version(
    text: str, template: LaunchTemplate
) -> None:
    settings = load_ec2({**WORKER, "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_AMD64": text})
    assert settings.launch_templates["amd64"] == template
    assert settings.default_arch is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("20h", 72_000),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("0.5s", 0.5),
        (" 2M ", 120),
    ],
)
def test_durations_are_written_as_people_say_them(text: str, seconds: float) -> None:
    settings = load_agent({"RUNS_FLEET_AGENT_STOP_GRACE": text})
    assert settings.stop_grace == timedelta(seconds=seconds)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_parts_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert duration(f"{days}d{hours}h{minutes}m{seconds}s") == timedelta(
        days=days, hours=hours, minutes=minutes, seconds=seconds
    )


@given(st.text())
def test_no_text_is_too_strange_to_be_refused_politely(text: str) -> None:
    lines = mistakes(load_agent, {"RUNS_FLEET_AGENT_STOP_GRACE": f"x{text}"})
    assert len(lines) == 1


def test_the_key_may_come_with_literal_line_ends() -> None:
    one_line = PEM.replace("\n", "\\n")
    settings = load_worker({**WORKER, "RUNS_FLEET_GITHUB_PRIVATE_KEY": one_line})
    assert settings.app_key().get_secret_value() == PEM


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    environ = {**WORKER, "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")}
    del environ["RUNS_FLEET_GITHUB_PRIVATE_KEY"]
    assert load_worker(environ).app_key().get_secret_value() == PEM


def test_a_key_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    environ = {**WORKER, "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "none.pem")}
    del environ["RUNS_FLEET_GITHUB_PRIVATE_KEY"]
    [line] = mistakes(load_worker, environ)
    assert "cannot be read (FileNotFoundError)" in line


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    file = str(tmp_path / "key.pem")
    [line] = mistakes(load_worker, {**WORKER, "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": file})
    assert "exactly one" in line


def test_every_patience_of_a_lifecycle_has_a_variable() -> None:
    assert set(Policy.model_fields) == set(Timing.model_fields) - set(Common.model_fields)


def test_what_an_operator_sets_reaches_the_policy() -> None:
    policy = load_api({**API, "RUNS_FLEET_THEFT_GRACE": "3s"}).policy
    assert policy == Policy(theft_grace=timedelta(seconds=3), pool_patience=timedelta(seconds=10))


def test_settings_are_light_enough_for_the_agent() -> None:
    heavy = {"boto3", "httpx", "temporalio", "fastapi", "structlog", "cryptography", "jwt"}
    heavy |= {"kubernetes", "redis", "yaml"}
    code = "import sys, runs_fleet.settings; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert heavy.isdisjoint(loaded)
