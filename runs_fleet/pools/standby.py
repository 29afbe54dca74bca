"""What the agent of a warm machine is told before there is a job for it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StandbyConfig:
    """What the agent of a pool's member is told that has no runner yet. Secret as a whole.

    It tells with `report_key` that `member` stands by, and waits at `wake` to be called: then its
    runner's config has taken this one's place in the store. `idle_limit` is seconds, and longer
    than a pool keeps a member.
    """

    member: str
    report_key: str = field(repr=False)
    reports: str
    wake: str
    idle_limit: float
