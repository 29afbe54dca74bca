"""An agent that says where it is, leaves processes behind and waits to be killed or told to go."""

import json
import os
import signal
import subprocess
import sys
import threading

# A job's process in a session of its own, and one whose parent is gone already.
JOB = "(setsid sleep 3600 & echo orphan $!); exec sleep 3600"


def main() -> int:
    """Print facts as lines of words; `DUMMY_EXIT` ends it at once with that status."""
    say("environment", json.dumps(dict(os.environ)))
    say("folder", os.getcwd())
    if status := os.environ.get("DUMMY_EXIT"):
        return int(status)
    leaving = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    job = subprocess.Popen(
        ["bash", "-c", JOB], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert job.stdout is not None
    say(job.stdout.readline().strip())
    say("job", str(job.pid))
    subprocess.run([f"{os.environ['RUNS_FLEET_RUNNER_DIR']}/run.sh"], check=True)
    say("everything is up")
    leaving.wait()
    say("told to go")
    signal.pause()
    return 0


def say(*words: str) -> None:
    """Write one line at once."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
