"""No mistake and no repr of settings shows a secret."""

import re

import pytest

from runs_fleet.settings import BadSettings, load_api, load_worker
from tests.test_settings import API, PEM, WORKER


def test_no_mistake_quotes_a_secret() -> None:
    wrong = {
        "RUNS_FLEET_GITHUB_APP_ID": "bad id",
        "RUNS_FLEET_GITHUB_PRIVATE_KEY": "topsecret-not-a-key",
        "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": PEM,
        "RUNS_FLEET_REPORT_SECRET": "topsecret",
        "RUNS_FLEET_WEBHOOK_SECRET": "topsecret-misnamed",
        "RUNS_FLEET_GITHUB_API_URL": "https://user:topsecret@host",
    }
    with pytest.raises(BadSettings) as caught:
        load_worker(wrong)
    told = f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert not re.search("topsecret|secretsecret", told)
    with pytest.raises(BadSettings) as caught:
        load_api({"RUNS_FLEET_WEBHOOK_SECRETS": "seven77,good-enough"})
    assert not re.search("seven77|good-enough", str(caught.value))


def test_secrets_are_hidden_in_repr() -> None:
    shown = f"{load_worker(WORKER)!r} {load_api(API)!r} {load_worker(WORKER).app_key()!r}"
    assert not re.search("MIIE|sixteen-or|a-webhook", shown)
