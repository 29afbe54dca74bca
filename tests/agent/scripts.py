"""Stand-ins for run.sh, line for line what actions/runner 2.336.0 prints."""

from pathlib import Path

HELLO = """
printf '\\n√ Connected to GitHub\\n\\n'
echo "Current runner version: '2.336.0'"
"""
LISTENING = "echo '2026-09-16 15:14:46Z: Listening for Jobs'\n"
RUNNING = "echo '2026-09-16 15:15:02Z: Running job: build (arm64)'\n"
BYE = """
echo 'Runner listener exit with 0 return code, stop the service, no retry needed.'
echo 'Exiting runner...'
"""
CLEANED = "echo '√ Removed .credentials'; echo '√ Removed .runner'\n"
WAIT = "sleep infinity & wait $!\n"
TRAP = "trap 'echo Exiting...; exit 143' TERM INT\n"
DEAF = "trap '' TERM INT\n"
IDLE = TRAP + HELLO + LISTENING + WAIT


def completed(result: str) -> str:
    return f"echo '2026-09-16 15:16:10Z: Job build (arm64) completed with result: {result}'\n"


def job(result: str) -> str:
    return HELLO + LISTENING + RUNNING + completed(result) + CLEANED + BYE


CANCELLED_BY_STOP = (
    "trap '"
    + completed("Canceled").replace("'", "'\\''")
    + "exit 143' TERM\n"
    + HELLO
    + LISTENING
    + RUNNING
    + WAIT
)
ZOMBIE = TRAP + HELLO + LISTENING + RUNNING + completed("Succeeded") + LISTENING + WAIT
LINGERING = TRAP + HELLO + LISTENING + RUNNING + completed("Succeeded") + WAIT
REMOVED_WHILE_IDLE = (
    HELLO + LISTENING
    + "echo 'The runner no longer exists on the server. Cleaning up local configuration.' >&2\n"
    + CLEANED + BYE
)  # fmt: skip
REUSED_CONFIG = """
echo 'Failed to create a session. The runner registration has been deleted from the server, \
please re-configure. Runner registrations are automatically deleted for runners that have not \
connected to the service recently.' >&2
echo 'Runner listener exit with terminated error, stop the service, no retry needed.'
echo 'Exiting runner...'
"""
CONFLICT = """
echo 'A session for this runner already exists.' >&2
echo '2026-09-16 15:14:46Z: Runner connect error: Error: Conflict. Retrying until reconnected.' >&2
echo 'Stop retry on SessionConflictException after retried for 240 seconds.' >&2
echo 'Failed to create session. Error: Conflict' >&2
echo 'Runner listener exit with Session Conflict error, stop the service, no retry needed.'
echo 'Exiting runner...'
"""
OUTDATED = HELLO + "exit 7\n"
NO_JOB = HELLO + LISTENING + BYE
UPDATE = """
echo 'Runner update in progress, do not shutdown runner.'
echo 'Downloading 2.337.0 runner'
echo 'Waiting for current job finish running.'
echo 'Generate and execute update script.'
echo 'Runner will exit shortly for update, should be back online within 10 seconds.'
echo 'Runner update process finished.'
echo 'Runner listener exit because of updating, re-launch runner after successful update'
echo 'Restarting runner...'
"""
UPDATE_THEN_JOB = HELLO + LISTENING + UPDATE + job("Succeeded")
KILLED = HELLO + LISTENING + "kill -KILL $$\n"
KILLED_IN_JOB = HELLO + LISTENING + RUNNING + "kill -KILL $$\n"
CRASHED = HELLO + "exit 127\n"


def install(directory: Path, body: str) -> Path:
    """Put the script where the agent expects run.sh, and name its directory."""
    script = directory / "run.sh"
    script.write_text(f"#!/bin/bash\n{body}")
    script.chmod(0o755)
    return directory
