"""The stand-in's configuration: a JIT config, unpacked into the files of the real runner."""

import base64
import json
import os
import sys
import time

CREDENTIALS, SETTINGS = ".credentials", ".runner"
FILES = (SETTINGS, CREDENTIALS, ".credentials_rsaparams")


def configured(encoded: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Unpack a JIT config into the files that the real runner keeps. Raises ValueError."""
    files = json.loads(base64.b64decode(encoded, validate=True))
    for name in FILES:
        with open(name, "wb") as file:
            file.write(base64.b64decode(files[name], validate=True))
    os.makedirs("_work", exist_ok=True)
    os.makedirs("_diag", exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S-utc", time.gmtime())
    with open(os.path.join("_diag", f"Runner_{stamp}.log"), "a", encoding="utf-8") as log:
        log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime())} INFO Listener] start\n")
    settings, credentials = (json.loads(base64.b64decode(files[name])) for name in FILES[:2])
    return settings, credentials


def saved() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Read what config.sh has left. Raises FileNotFoundError when it has not."""
    found = []
    for name in FILES[:2]:
        with open(name, encoding="utf-8") as file:
            found.append(json.load(file))
    return found[0], found[1]


def jit_config() -> str:
    """Take the config from the environment, where the job must not find it, or from argv."""
    given = os.environ.pop("ACTIONS_RUNNER_INPUT_JITCONFIG", "")
    if "--jitconfig" in sys.argv:
        given = sys.argv[sys.argv.index("--jitconfig") + 1]
    return given
