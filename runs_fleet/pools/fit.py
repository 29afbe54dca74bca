"""Whom a pool serves, and whether its machines are what a job asks for; pure."""

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.definition import PoolDefinition

PLAIN = RunnerSpec()


def serves(spec: RunnerSpec, asked: RunnerSpec) -> bool:
    """Tell whether a machine of a pool's spec is one that a job asks for."""
    return not misfit(spec, asked)


def misfit(spec: RunnerSpec, asked: RunnerSpec) -> str:
    """Say what of a pool's machines is not as a job asks for it, or nothing.

    A label that says nothing of cpu is content with more of it than it would be given otherwise.
    """
    checks = {
        "cpu": _within(spec.cpu, asked.cpu, bounded=asked.cpu != PLAIN.cpu),
        "ram": _within(spec.ram, asked.ram),
        "arch": asked.arch in (None, spec.arch),
        "family": _families(spec, asked),
        "gen": asked.gen in (None, spec.gen),
        "disk": asked.disk is None or (spec.disk or 0) >= asked.disk,
        "private": asked.private == spec.private,
        "docker": spec.docker or not asked.docker,
    }
    wrong = [key for key, fits in checks.items() if not fits]
    if not wrong:
        return ""
    return f"its machines are not what the label asks for: {', '.join(wrong)}"


def stranger(definition: PoolDefinition, repo: str) -> str:
    """Say that a repository may not use the pool, or nothing."""
    allowed = definition.repositories
    if not allowed or any(matches(pattern, repo) for pattern in allowed):
        return ""
    return f"{repo} is none of its repositories"


def weight(definition: PoolDefinition, repo: str) -> int:
    """Tell by the pattern that says most who comes first when the pool is short."""
    found = [pattern for pattern in definition.weights if matches(pattern, repo)]
    # `owner/name` says more than `owner/*`.
    found.sort(key=lambda pattern: (pattern.endswith("/*"), pattern))
    return definition.weights[found[0]] if found else 1


def matches(pattern: str, repo: str) -> bool:
    """Compare as GitHub does, without case."""
    pattern, repo = pattern.lower(), repo.lower()
    if pattern.endswith("/*"):
        return repo.startswith(pattern[:-1])
    return pattern == repo


def _within(span: Span, asked: Span, *, bounded: bool = True) -> bool:
    """Whether all that the pool may get is what was asked for."""
    if span.least < asked.least:
        return False
    if asked.most is None or not bounded:
        return True
    return span.most is not None and span.most <= asked.most


def _families(spec: RunnerSpec, asked: RunnerSpec) -> bool:
    if not asked.families:
        return True
    return bool(spec.families) and set(spec.families) <= set(asked.families)
