"""docs/doctor.md tells of each check what it looks at, and of nothing else."""

import re
from pathlib import Path

from cli import doctor

DOCS = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()


def test_each_check_has_a_heading_and_no_heading_is_without_its_check() -> None:
    headings = re.findall(r"^### (.+)$", DOCS, re.MULTILINE)
    assert sorted(headings) == sorted({*doctor.names("ec2"), *doctor.names("k8s")})
