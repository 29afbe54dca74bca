"""What docs/helm.md says, done."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from runs_fleet.queues import valkey_users
from tests.helm.chart import CHART, VALUES, Helm

DOCS = (Path(__file__).parents[2] / "docs" / "helm.md").read_text()
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VALUES_SHOWN = [text for language, text in FENCED.findall(DOCS) if language == "yaml"]
(USERS,) = [text for language, text in FENCED.findall(DOCS) if "cat > users.acl" in text]


@pytest.mark.parametrize("number", range(len(VALUES_SHOWN)))
def test_the_values_of_the_docs_are_values(helm: Helm, tmp_path: Path, number: int) -> None:
    shown = yaml.safe_load(VALUES_SHOWN[number])
    # Whoever reads knows that three dots stand for something.
    shown.pop("secrets", None)
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(shown))
    least = ("--values", str(VALUES / "k8s.yaml"))
    assert helm("template", "ci", str(CHART), *least, "--values", str(path))


def test_the_users_of_the_docs_are_those_that_the_queues_need(tmp_path: Path) -> None:
    passwords = {"VALKEY_PASSWORD": "the fleet's $own", "VALKEY_RUNNER_PASSWORD": "the runners'"}
    env = {"PATH": os.environ["PATH"], **passwords}
    subprocess.run(["bash", "-ec", USERS], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "users.acl").read_text() == valkey_users.file(
        valkey_users.runner("runner", passwords["VALKEY_RUNNER_PASSWORD"]),
        valkey_users.fleet("fleet", passwords["VALKEY_PASSWORD"]),
    )
