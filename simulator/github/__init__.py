"""A GitHub to test against: assigns jobs, registers runners, sends webhooks, checks itself."""

from simulator.github.books import Books, DeliveryRecord, JobRecord, RunnerRecord
from simulator.github.plans import (
    Chaos,
    CreatedRun,
    Drain,
    Fault,
    JobPlan,
    Progress,
    RunPlan,
    Settings,
)
from simulator.github.world import GitHubWorld, LeverRefused

__all__ = [
    "Books",
    "Chaos",
    "CreatedRun",
    "DeliveryRecord",
    "Drain",
    "Fault",
    "GitHubWorld",
    "JobPlan",
    "JobRecord",
    "LeverRefused",
    "Progress",
    "RunPlan",
    "RunnerRecord",
    "Settings",
]
