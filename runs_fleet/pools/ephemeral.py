"""Pools that come into being because a job names them: whether one may, and what it is; pure."""

from fnmatch import fnmatchcase

from runs_fleet.errors import Refused
from runs_fleet.models import Mode, RunnerSpec
from runs_fleet.pools import fit
from runs_fleet.pools.definition import EphemeralPolicy, PoolDefinition

# A name that a pool can have, and every label's cannot.
LONGEST_NAME = 30


def called(
    policy: EphemeralPolicy, repo: str, spec: RunnerSpec, *, mode: Mode, open_pools: int
) -> PoolDefinition:
    """Define the pool that a job's spec names and nobody has defined, of the job's machines.

    It serves all repositories that may call for pools. `open_pools` are the ephemeral ones that
    there are. Raises Refused, saying why it may not be.
    """
    name = spec.pool or ""
    if reason := _forbidden(policy, repo, name, open_pools=open_pools):
        raise Refused(f"pool {name!r} does not come into being: {reason}")
    machines = spec.model_copy(update={"pool": None, "backend": None, "rerun": True})
    template = policy.template.model_dump()
    return PoolDefinition(
        name=name,
        mode=mode,
        spec=machines,
        ephemeral=True,
        repositories=policy.repositories,
        **template,
    )


def _forbidden(policy: EphemeralPolicy, repo: str, name: str, *, open_pools: int) -> str:
    if not any(fit.matches(pattern, repo) for pattern in policy.repositories):
        return f"{repo} may not call for one"
    if not name or len(name) > LONGEST_NAME:
        return f"a name has up to {LONGEST_NAME} letters"
    if not any(fnmatchcase(name, pattern) for pattern in policy.names):
        return f"only names like {', '.join(policy.names)} may be"
    if open_pools >= policy.max_pools:
        return f"there are {open_pools} of them, as many as there may be"
    return ""
