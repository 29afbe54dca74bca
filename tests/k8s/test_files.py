"""A runner's config as the files of a mounted Secret: exact, whole, and never quoted."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_fleet.errors import Refused
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s.files import KEYS, from_files, reports_ca, to_secret

CONFIG = RunnerConfig(
    runner="runs-fleet-5-1",
    jit_config="eyJqaXQiOiAic2VjcmV0In0=",
    report_key="ab" * 32,
    reports="redis://runner:password@valkey:6379/0?stream=runs-fleet:reports",
    idle_limit=300.0,
    max_runtime=43_200.0,
)
PEM = "-----BEGIN CERTIFICATE-----\r\nMIIB\n-----END CERTIFICATE-----\n"
texts = st.text(min_size=1)
seconds = st.floats(min_value=0, max_value=1e9)
configs = st.builds(
    RunnerConfig,
    runner=texts,
    jit_config=texts,
    report_key=texts,
    reports=texts,
    idle_limit=seconds,
    max_runtime=seconds,
)


def mount(directory: Path, files: Mapping[str, str | bytes], *, version: str = "..1") -> Path:
    """Lay files out as a kubelet does: a link each into a directory that one link chooses."""
    place = directory / version
    place.mkdir()
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (place / name).write_bytes(data)
        (directory / name).unlink(missing_ok=True)
        (directory / name).symlink_to(f"..data/{name}")
    (directory / "..new").symlink_to(version)
    (directory / "..new").rename(directory / "..data")
    return directory


@settings(deadline=None)
@given(configs)
def test_a_config_comes_back_exactly(config: RunnerConfig) -> None:
    with tempfile.TemporaryDirectory() as directory:
        assert from_files(mount(Path(directory), to_secret(config))) == config


def test_the_keys_are_the_fields_of_a_config(tmp_path: Path) -> None:
    # No pod stands by: its image is at hand, and its room is kept; few register by themselves.
    fields = set(asdict(CONFIG)) - {"standby", "registration"}
    assert set(to_secret(CONFIG)) == set(KEYS) == fields


def test_plain_files_will_do(tmp_path: Path) -> None:
    for name, text in to_secret(CONFIG).items():
        (tmp_path / name).write_text(text)
    assert from_files(tmp_path) == CONFIG


def test_a_directory_that_is_not_there_holds_no_config(tmp_path: Path) -> None:
    assert from_files(tmp_path / "nowhere") is None


@pytest.mark.parametrize("key", KEYS)
def test_a_config_with_a_missing_key_is_not_there_yet(tmp_path: Path, key: str) -> None:
    files = to_secret(CONFIG)
    del files[key]
    assert from_files(mount(tmp_path, files)) is None


def test_a_new_version_takes_the_place_of_the_old_one_as_a_whole(tmp_path: Path) -> None:
    mount(tmp_path, to_secret(CONFIG))
    other = replace(CONFIG, jit_config="b3RoZXI=", report_key="cd" * 32)
    assert from_files(mount(tmp_path, to_secret(other), version="..2")) == other


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("runner", "", "runner of the config: empty"),
        ("jit_config", "", "jit_config of the config: empty"),
        ("report_key", "", "report_key of the config: empty"),
        ("reports", "", "reports of the config: empty"),
        ("jit_config", b"\xff\xfe secret", "jit_config of the config: not UTF-8"),
        ("idle_limit", "secret", "idle_limit of the config: not a number of seconds"),
        ("idle_limit", "-1", "idle_limit of the config: not a number of seconds"),
        ("max_runtime", "inf", "max_runtime of the config: not a number of seconds"),
        ("max_runtime", "nan", "max_runtime of the config: not a number of seconds"),
    ],
)
def test_a_config_that_cannot_be_read_is_refused_without_quoting_it(
    tmp_path: Path, key: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        from_files(mount(tmp_path, {**to_secret(CONFIG), key: content}))
    assert str(refused.value) == said


def test_a_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    mount(tmp_path, to_secret(CONFIG))
    (tmp_path / "..1" / "jit_config").unlink()
    (tmp_path / "..1" / "jit_config").mkdir()
    with pytest.raises(Refused, match="jit_config of the config"):
        from_files(tmp_path)


def test_a_certificate_comes_back_exactly(tmp_path: Path) -> None:
    mount(tmp_path, to_secret(CONFIG, reports_ca=PEM))
    assert from_files(tmp_path) == CONFIG
    assert reports_ca(tmp_path) == PEM


@pytest.mark.parametrize("files", [to_secret(CONFIG), {"reports_ca": ""}])
def test_without_a_certificate_there_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    assert reports_ca(mount(tmp_path, files)) is None


def test_reading_the_files_loads_no_client() -> None:
    code = "import sys, runs_fleet.providers.k8s.files; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    ).stdout.split()
    assert {"kubernetes", "redis", "boto3", "yaml"}.isdisjoint(loaded)
