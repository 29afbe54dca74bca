"""Lives that were led before can be led again, command for command, by the code of today."""

import base64
import json
import re
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from runs_fleet.outcomes import JobOutcome
from tests.replay import replaying
from tests.replay.pool_scenarios import POOLS
from tests.replay.record import HISTORIES, kept
from tests.replay.scenarios import ENDS, NAMES

CANCELLED = "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED"
SIZE_LIMIT = 64 * 1024
# Those of the scenarios, and whatever an incident has left: see docs/operations.md.
EVERY = sorted(path.stem for path in HISTORIES.glob("*.json"))


@pytest.fixture
def replayer() -> Replayer:
    return replaying.replayer()


@pytest.mark.parametrize("name", EVERY)
async def test_a_recorded_history_replays(replayer: Replayer, name: str) -> None:
    await replayer.replay_workflow(kept(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_history_ends_as_its_name_says(name: str) -> None:
    assert state_at_the_end(kept(name)) == ENDS[NAMES[name]]


def test_every_scenario_has_its_history() -> None:
    assert {*NAMES, *POOLS} <= set(EVERY)


def test_every_state_in_which_a_lifecycle_can_end_was_recorded() -> None:
    documented = re.findall(r"(\w+) \(", (JobOutcome.__doc__ or "").partition("state: ")[2])
    assert sorted(documented) == sorted(set(ENDS.values()))


def test_histories_are_small_and_say_nothing_of_the_machine_that_recorded() -> None:
    texts = {path.name: path.read_text() for path in HISTORIES.glob("*.json")}
    assert [name for name, text in texts.items() if len(text) > SIZE_LIMIT] == []
    assert [name for name, text in texts.items() if '"stackTrace"' in text] == []
    assert [name for name, text in texts.items() if identities(text) != {"recorder"}] == []


async def test_commands_in_another_order_are_noticed(replayer: Replayer) -> None:
    swapped = {"create_machine": "register_runner", "register_runner": "create_machine"}
    with pytest.raises(NondeterminismError, match="create_machine"):
        await replayer.replay_workflow(doctored("completed_in_two_calls", swapped))


async def test_a_command_that_the_code_no_longer_gives_is_noticed(replayer: Replayer) -> None:
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(doctored("completed", {"release_runner": "burn_runner"}))


def doctored(name: str, activities: dict[str, str]) -> WorkflowHistory:
    """Rename the activities that a history's commands name."""
    events = json.loads((HISTORIES / f"{name}.json").read_text())["events"]
    scheduled = [event.get("activityTaskScheduledEventAttributes", {}) for event in events]
    kinds = [attributes["activityType"] for attributes in scheduled if attributes]
    for kind in kinds:
        kind["name"] = activities.get(kind["name"], kind["name"])
    return WorkflowHistory.from_json(f"job-{name}", json.dumps({"events": events}))


def state_at_the_end(history: WorkflowHistory) -> str:
    """Read the outcome's state; a cancelled lifecycle was released and has no outcome."""
    last: dict[str, Any] = json.loads(history.to_json())["events"][-1]
    if last["eventType"] == CANCELLED:
        return "released"
    payload = last["workflowExecutionCompletedEventAttributes"]["result"]["payloads"][0]
    return str(json.loads(base64.b64decode(payload["data"]))["state"])


def identities(text: str) -> set[str]:
    """List who took part in a history, apart from the server itself."""
    events = json.loads(text)["events"]
    values = [v for e in events for key, v in e.items() if key.endswith("Attributes")]
    named = {value["identity"] for value in values if value.get("identity")}
    return {name for name in named if name != "history-service"}
