"""Names: made before the things they name, and read back without a look-up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet import names

JOB_IDS = st.integers(1, 2**63 - 1)
ATTEMPTS = st.integers(1, 9999)


@given(JOB_IDS, ATTEMPTS)
def test_a_runners_name_tells_its_owner(job_id: int, attempt: int) -> None:
    assert names.owner(names.runner(job_id, attempt)) == (job_id, attempt)


@given(JOB_IDS, ATTEMPTS, st.integers(1, 999_999))
def test_names_fit_where_they_go(job_id: int, attempt: int, order: int) -> None:
    runner = names.runner(job_id, attempt)
    assert len(runner) <= 63
    assert len(names.token(runner, order)) <= 64


@pytest.mark.parametrize("name", [None, "", "GitHub Actions 7", "runs-fleet-x-1", "runs-fleet-1"])
def test_a_strangers_runner_has_no_owner(name: str | None) -> None:
    assert names.owner(name) is None


def test_github_may_change_the_case_of_a_name() -> None:
    assert names.owner("Runs-Fleet-7-1") == (7, 1)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_a_queue_s_name_fits_and_tells_its_machine(fleet: str) -> None:
    machine = "i-0123456789abcdef0"
    name = names.standby_queue(fleet, machine)
    assert len(name) <= 80
    assert name.endswith(f"-standby-{machine}")
