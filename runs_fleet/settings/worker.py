"""What every worker is told, and what one of EC2 mode is."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from runs_fleet.models import Arch
from runs_fleet.settings.agent import SSM_PATH, SSM_PREFIX
from runs_fleet.settings.common import LENGTH
from runs_fleet.settings.fields import (
    LOWER,
    SOME,
    SPOOL,
    Duration,
    Families,
    FifoUrl,
    FileToMake,
    LaunchTemplate,
    ParameterPath,
    Port,
    ReadableFile,
    Subnets,
    Template,
    Url,
    read_text,
    secret,
    setting,
)
from runs_fleet.settings.market import MarketSettings
from runs_fleet.settings.pairs import Weights

KEY = "the App's private key in PEM form, here or in the file, not both"
QUEUE = "the URL of an SQS queue"
TEMPLATE = "a launch template's id or name, with :VERSION if not its default; at least one"
TABLE = "the name of a DynamoDB table, or nothing for none"
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]


class WorkerSettings(MarketSettings):
    """Settings of `runs-fleet worker`, whatever its mode."""

    github_api_url: Url = setting(
        "GITHUB_API_URL",
        "https://api.github.com or https://HOST/api/v3",
        default="https://api.github.com",
    )
    github_app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] = setting(
        "GITHUB_APP_ID", "the id or the client id of the GitHub App"
    )
    github_private_key: SecretStr | None = secret("GITHUB_PRIVATE_KEY", KEY, default=None)
    github_private_key_file: Path | None = setting(
        "GITHUB_PRIVATE_KEY_FILE", f"a readable file; {KEY}", default=None
    )
    github_runner_group: Annotated[str, Field(min_length=1)] = setting(
        "GITHUB_RUNNER_GROUP", "the name of a runner group", default="Default"
    )
    github_scope: Annotated[Literal["auto", "org", "repo"], LOWER] = setting(
        "GITHUB_SCOPE", "auto, org or repo", default="auto"
    )
    report_secret: Annotated[SecretStr, Field(min_length=16)] = secret(
        "REPORT_SECRET", "at least 16 characters, the same for all workers"
    )
    metrics_host: str = setting("METRICS_HOST", "an address to listen on", default="0.0.0.0")
    metrics_port: Port | None = setting(
        "METRICS_PORT", "a port, 0 for any free one, or empty for none", default=9090
    )
    ready_file: FileToMake | None = setting(
        "READY_FILE", "a path in a directory that can be written to", default=None
    )
    max_activities: Annotated[int, Field(ge=1, le=1000)] = setting(
        "MAX_ACTIVITIES", "a number of threads from 1 to 1000", default=64
    )
    weights: Weights = setting(
        "WEIGHTS", "a comma list such as acme/shop=3,octo/*=0.5", default_factory=dict
    )
    github_registrations: Annotated[int, Field(ge=1, le=100_000)] = setting(
        "GITHUB_REGISTRATIONS", "a number a minute from 1 to 100000", default=180
    )
    registration: Annotated[Literal["jit", "jit+token"], LOWER] = setting(
        "REGISTRATION", "jit, or jit+token", default="jit"
    )

    pools_file: ReadableFile | None = setting(
        "POOLS", "a readable file that holds pools in YAML", default=None
    )
    pools_interval: Duration = setting("POOLS_INTERVAL", LENGTH, default=timedelta(minutes=1))

    def app_key(self) -> SecretStr:
        """Return the App's private key, from wherever it was given."""
        if self.github_private_key_file is not None:
            return SecretStr(self.github_private_key_file.read_text())
        return self.github_private_key or SecretStr("")

    @field_validator("github_api_url")
    @classmethod
    def _api_not_site(cls, address: str) -> str:
        if urlsplit(address).hostname in {"github.com", "www.github.com"}:
            raise ValueError("that is GitHub's site, not its API")
        return address

    @field_validator("github_private_key")
    @classmethod
    def _whole_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        text = key.get_secret_value().replace("\\n", "\n")
        _check_key(text)
        return SecretStr(text)

    @field_validator("github_private_key_file")
    @classmethod
    def _one_key(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        inline = info.data.get("github_private_key", "wrong already")
        if (path is None) == (inline is None):
            raise ValueError("give exactly one of the key and its file")
        if path is not None:
            _check_key(read_text(path))
        return path

    @field_validator("metrics_port", mode="before")
    @classmethod
    def _empty_is_off(cls, value: object) -> object:
        return None if value == "" else value


def _check_key(text: str) -> None:
    if "-----BEGIN" not in text or "PRIVATE KEY-----" not in text:
        raise ValueError("holds no PEM private key")


class Ec2Settings(WorkerSettings):
    """Settings of `runs-fleet worker` in EC2 mode."""

    launch_template_amd64: Template | None = setting(
        "EC2_LAUNCH_TEMPLATE_AMD64", TEMPLATE, default=None
    )
    launch_template_arm64: Template | None = setting(
        "EC2_LAUNCH_TEMPLATE_ARM64", TEMPLATE, default=None
    )
    default_arch: Annotated[Arch | None, LOWER] = setting(
        "EC2_DEFAULT_ARCH", "amd64 or arm64, one that has a launch template", default=None
    )
    subnets: Annotated[Subnets, SOME] = setting(
        "EC2_SUBNETS", "a comma list of subnet ids, one for each zone"
    )
    private_subnets: Subnets = setting(
        "EC2_PRIVATE_SUBNETS", "a comma list of subnet ids", default=()
    )
    families: Families = setting(
        "EC2_FAMILIES", "a comma list of instance families such as c7g,m7g", default=()
    )
    ssm_prefix: ParameterPath = setting("EC2_SSM_PREFIX", SSM_PATH, default=SSM_PREFIX)
    reports_queue_url: Url = setting("EC2_REPORTS_QUEUE_URL", QUEUE)
    events_queue_url: Url | None = setting("EC2_EVENTS_QUEUE_URL", QUEUE, default=None)
    spool_queue_url: FifoUrl | None = setting("EC2_SPOOL_QUEUE_URL", SPOOL, default=None)
    launch_rate: Annotated[float, Field(ge=0.1, le=1000)] = setting(
        "EC2_LAUNCH_RATE", "calls a second from 0.1 to 1000", default=2.0
    )
    metrics_namespace: Annotated[str, Field(pattern=r"^([A-Za-z0-9._/#-]{1,255})?$")] = setting(
        "EC2_METRICS_NAMESPACE",
        "a namespace of CloudWatch, not AWS/..., or empty for none",
        default="RunsFleet",
    )

    archive_table: TableName | None = setting("EC2_ARCHIVE_TABLE", TABLE, default=None)

    pools_table: TableName | None = setting("EC2_POOLS_TABLE", TABLE, default=None)

    @property
    def archives(self) -> bool:
        """Whether there is a table for outcomes."""
        return self.archive_table is not None

    @field_validator("metrics_namespace")
    @classmethod
    def _own_namespace(cls, namespace: str) -> str:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
        if namespace.startswith("AWS/"):
            raise ValueError("belongs to AWS")
        return namespace

    @property
    def launch_templates(self) -> Mapping[Arch, LaunchTemplate]:
        """The templates that are configured."""
        both: dict[Arch, LaunchTemplate | None] = {
            "amd64": self.launch_template_amd64,
            "arm64": self.launch_template_arm64,
        }
        return {arch: template for arch, template in both.items() if template is not None}

    @field_validator("launch_template_arm64")
    @classmethod
    def _any_template(
        cls, template: LaunchTemplate | None, info: ValidationInfo
    ) -> LaunchTemplate | None:
        if template is None and info.data.get("launch_template_amd64", "wrong already") is None:
            raise ValueError("no launch template for any architecture")
        return template

    @field_validator("default_arch")
    @classmethod
    def _has_template(cls, arch: Arch | None, info: ValidationInfo) -> Arch | None:
        if arch is not None and info.data.get(f"launch_template_{arch}", "wrong already") is None:
            raise ValueError(f"RUNS_FLEET_EC2_LAUNCH_TEMPLATE_{arch.upper()} is not set")
        return arch
