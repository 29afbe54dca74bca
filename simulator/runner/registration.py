"""The stand-in for `config.sh`: registers the runner with a token, and keeps what it is given."""

import os
import sys

from simulator.runner.config import SETTINGS, configured
from simulator.runner.line import Json, Line

FLAGS = {"--unattended", "--ephemeral", "--no-default-labels", "--disableupdate"}
VALUES = {"--url", "--name", "--labels", "--runnergroup", "--work", "--token"}
OK, FAILED = 0, 1
HTTP_CREATED = 201
DONE = """
√ Connected to GitHub

# Runner Registration

√ Runner successfully added
√ Runner connection is good

# Runner settings

√ Settings Saved.

"""


def main(argv: list[str]) -> int:
    """Configure once; what goes wrong is said as the real one says it."""
    token = os.environ.pop("ACTIONS_RUNNER_INPUT_TOKEN", "")
    given = _read(argv)
    if given is None or not FLAGS - {"--disableupdate"} <= set(argv):
        return _failed("Unrecognized command-line input arguments for command configure.")
    if os.path.exists(SETTINGS):
        return _failed("Cannot configure the runner because it is already configured.")
    url = given["--url"]
    body: Json = {
        "url": url,
        "token": given.get("--token") or token,
        "name": given["--name"],
        "labels": given["--labels"].split(","),
        "group": given["--runnergroup"],
        "work": given["--work"],
    }
    origin = "/".join(url.split("/")[:3])
    status, answer = Line(f"{origin}/_broker/").ask("POST", "register", body)
    if status != HTTP_CREATED:
        where = f"POST {origin}/api/v3/actions/runner-registration"
        return _failed(f"Http response code: {answer.get('message')} from '{where}'")
    configured(str(answer["config"]))
    sys.stdout.write(DONE)
    return OK


def _failed(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return FAILED


def _read(argv: list[str]) -> dict[str, str] | None:
    rest, given = list(argv), dict[str, str]()
    while rest:
        name = rest.pop(0)
        if name in VALUES and rest:
            given[name] = rest.pop(0)
        elif name not in FLAGS:
            return None
    return given if VALUES - {"--token"} <= given.keys() else None
