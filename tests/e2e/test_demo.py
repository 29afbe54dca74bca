"""`runs-fleet demo` and `runs-fleet dev`, as a newcomer runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.processes import marked

pytestmark = pytest.mark.e2e
PATIENCE = 240
KEYS = (
    "jobs",
    "completed",
    "refused",
    "cancelled",
    "lost",
    "duplicates",
    "orphans",
    "queued_to_started_p50_ms",
    "queued_to_started_p99_ms",
)


@pytest.mark.timeout(PATIENCE + 10)
def test_the_demo_runs_odd_jobs_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = start("demo", "--jobs", "12", "--json", home=tmp_path)
    said, progress = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, progress
    accounts = json.loads(said)
    assert [key for key in KEYS if key not in accounts] == []
    assert [accounts[key] for key in ("lost", "duplicates", "orphans", "violations")] == [0] * 4
    assert [accounts[key] for key in ("jobs", "refused", "cancelled")] == [12, 1, 1]
    assert accounts["completed"] == 10
    assert 0 < accounts["queued_to_started_p50_ms"] <= accounts["queued_to_started_p99_ms"]
    assert marked(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(PATIENCE + 10)
def test_ctrl_c_takes_the_whole_world_along(tmp_path: Path) -> None:
    process = start("dev", home=tmp_path)
    assert process.stderr is not None
    next(line for line in process.stderr if "until Ctrl-C" in line)
    assert len(marked(str(tmp_path))) > 3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 130)
    assert gone(str(tmp_path))


def start(*options: str, home: Path) -> subprocess.Popen[str]:
    """Start a command whose world lives in a directory of its own, which marks its processes."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("runs-fleet")), *options],
        env={**os.environ, "TMPDIR": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def gone(mark: str) -> bool:
    """Tell whether everything marked is gone, soon."""
    deadline = time.monotonic() + 10
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return marked(mark) == []
