"""Paths that variables name are tried before anything begins."""

from pathlib import Path

from runs_fleet.settings import load_worker
from tests.test_settings import WORKER, mistakes


def test_a_file_that_shows_readiness_is_one_that_can_be_made(tmp_path: Path) -> None:
    def told(path: Path) -> dict[str, str]:
        return {**WORKER, "RUNS_FLEET_READY_FILE": str(path)}

    assert load_worker(told(tmp_path / "serving")).ready_file == tmp_path / "serving"
    for wrong in (tmp_path, tmp_path / "nowhere" / "serving"):
        [line] = mistakes(load_worker, told(wrong))
        assert line.startswith("RUNS_FLEET_READY_FILE: cannot be made there")
