"""`python -m tests.replay [FILE ...]`: play histories against the code of today, all by default."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.json_format import ParseError
from temporalio.client import WorkflowHistory

from tests.replay.record import HISTORIES
from tests.replay.replaying import replayer


async def main(names: Sequence[str]) -> int:
    """Replay each and say how it went; returns the number that did not go well."""
    paths = [Path(name) for name in names] or sorted(HISTORIES.glob("*.json"))
    found = [(path, await trouble(path.stem, read(path))) for path in paths]
    for path, why in found:
        sys.stdout.write(f"{path}: {why or 'replays'}\n")
    return sum(bool(why) for _, why in found)


def read(path: Path) -> str:
    """Read a file; one that cannot be read is an empty one, which is no history."""
    return path.read_text() if path.is_file() else ""


async def trouble(name: str, text: str) -> str:
    """Replay one history, and say what is wrong with it, or nothing."""
    try:
        history = WorkflowHistory.from_json(name, text)
    except (ParseError, ValueError) as error:
        return f"no history: {error}"
    result = await replayer().replay_workflow(history, raise_on_replay_failure=False)
    failure = result.replay_failure
    return "" if failure is None else f"{type(failure).__name__}: {failure}"


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])) and 1)
