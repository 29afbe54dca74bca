"""Every derived name in one place, so two processes never spell one differently."""

import hashlib
import re
from functools import lru_cache

PREFIX = "runs-fleet"
DEFAULT_FLEET = "default"
LONGEST_FLEET = 30
RUNNER = re.compile(rf"{PREFIX}-(?P<job>[0-9]{{1,19}})-(?P<attempt>[0-9]{{1,6}})", re.IGNORECASE)
# A series is the second, in base 36, in which a pool's manager first began.
MEMBER = re.compile(
    rf"{PREFIX}-pool-(?P<pool>[a-z0-9-]{{1,30}})-s(?P<series>[a-z0-9]{{6,7}})-(?P<number>[0-9]{{1,6}})"
    r"(-m(?P<mint>[0-9]{1,6}))?",
    re.IGNORECASE,
)


def lifecycle(job_id: int) -> str:
    """Name the one workflow of a job; GitHub's job ids are unique per host."""
    return f"job-{job_id}"


def runner(job_id: int, attempt: int) -> str:
    """Name the runner before it exists; whoever reads the name knows its owner."""
    return f"{PREFIX}-{job_id}-{attempt}"


@lru_cache(maxsize=4096)
def owner(runner_name: str | None) -> tuple[int, int] | None:
    """Return (job id, attempt) of one of our runners, or None for somebody else's."""
    match = RUNNER.fullmatch(runner_name or "")
    return (int(match["job"]), int(match["attempt"])) if match else None


def token(runner_name: str, order: int) -> str:
    """Name one deliberate create call; at most 64 characters, as EC2 demands of a ClientToken."""
    return f"{runner_name}-{order}"


def task_queue(mode: str) -> str:
    """Name the task queue of one mode's workers."""
    return f"{PREFIX}-{mode}"


def sweep(mode: str) -> str:
    """Name the schedule of one mode's sweep, and the workflows that it starts."""
    return f"sweep-{mode}"


def market(mode: str) -> str:
    """Name the one workflow that remembers what one mode's workers know of the market."""
    return f"market-{mode}"


def pool(mode: str, name: str) -> str:
    """Name the one workflow that keeps a pool."""
    return f"pool-{mode}-{name}"


def member(pool_name: str, series: str, number: int) -> str:
    """Name a pool's member before it exists; whoever reads the name knows its pool."""
    return f"{members_prefix(pool_name)}s{series}-{number}"


def members_prefix(pool_name: str) -> str:
    """Spell how the names of all members of a pool begin."""
    return f"{PREFIX}-pool-{pool_name}-"


def member_runner(member_name: str, mint: int) -> str:
    """Name a listening member at GitHub; each registration of it has a name of its own."""
    return f"{member_name}-m{mint}"


@lru_cache(maxsize=4096)
def pool_of(name: str | None) -> tuple[str, str] | None:
    """Return (pool, member) of a pool's member or of its runner, or None for anything else."""
    match = MEMBER.fullmatch((name or "").lower())
    if match is None:
        return None
    return match["pool"], member(match["pool"], match["series"], int(match["number"]))


def standby_queue(fleet: str, machine_id: str) -> str:
    """Name the queue at which a pool's machine is called; at most 80 characters, as SQS demands."""
    if len(fleet) > LONGEST_FLEET:
        fleet = f"{fleet[:LONGEST_FLEET]}-{hashlib.sha256(fleet.encode()).hexdigest()[:8]}"
    return f"{PREFIX}-{fleet}-standby-{machine_id}"


def config_path(prefix: str, machine_id: str) -> str:
    """Name the parameter from which a machine reads its runner's config."""
    return f"{prefix.rstrip('/')}/{machine_id}"
