"""What a machine in a cluster has for sure, by its label, and the name of that; pure."""

from runs_fleet.labels import GIB_PER_CPU
from runs_fleet.models import RunnerSpec


def memory(spec: RunnerSpec) -> int:
    """GiB that are the job's for sure: without a word of `ram`, as `runner=` has it."""
    if spec.ram == RunnerSpec().ram:
        return GIB_PER_CPU * spec.cpu.least
    return spec.ram.least


def machine_type(spec: RunnerSpec) -> str:
    """Name the machine by what it has for sure."""
    return f"{spec.cpu.least}cpu-{memory(spec)}gib"
