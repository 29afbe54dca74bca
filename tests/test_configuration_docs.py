"""docs/configuration.md knows every variable, its default, and valid policies."""

import json
import re
from pathlib import Path

import pytest

from runs_fleet.settings import load_agent, load_api, load_worker
from runs_fleet.settings.loading import known
from tests.test_settings import API, WORKER
from tests.test_settings_k8s import K8S

DOCS = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
HEADING = re.compile(r"^#### `(RUNS_FLEET_\w+)`$", re.MULTILINE)
DEFAULTS = re.findall(
    r"^#### `(RUNS_FLEET_\w+)`$[^#]*?Default:\s+`([^`]+)`(?:\.| \()", DOCS, re.MULTILINE
)
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


def everything(environ: dict[str, str]) -> tuple[object, ...]:
    return (
        load_api({**API, **environ}),
        load_worker({**WORKER, **environ}),
        load_worker({**K8S, **environ, "RUNS_FLEET_MODE": "k8s"}),
        load_agent(environ),
    )


def test_every_variable_has_a_heading_and_no_other_has() -> None:
    assert sorted(HEADING.findall(DOCS)) == sorted(known())


@pytest.mark.parametrize(("variable", "default"), DEFAULTS)
def test_the_default_in_the_docs_is_the_default(variable: str, default: str) -> None:
    assert everything({variable: default}) == everything({})


def test_most_variables_have_a_default() -> None:
    assert len(DEFAULTS) > 20


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_policy_is_json(example: str) -> None:
    assert json.loads(example)
