"""The first process of a machine: everything the machine runs stands below it."""

import os
import runpy
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from simulator.machines import proctree
from simulator.machines.boot import Boot, News

SIGNALS = {signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1}


def split(boot: Boot, *, events: int, parent: int) -> None:
    """Fork into init and agent; returns in the agent only, init ends inside.

    The caller has blocked SIGNALS: init takes them one by one with sigwait, so none is lost.
    """
    os.setsid()
    proctree.adopt_orphans()
    proctree.hear_of_parents_death(signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)
    agent = os.fork()
    if agent:
        _serve(boot.machine, agent=agent, events=events)
    os.setsid()
    proctree.hear_of_parents_death(signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def run(boot: Boot) -> None:
    """Become the agent: a clean environment, a log, its runner; then its own main."""
    home = Path(boot.home)
    _furnish(home, runner=boot.runner)
    os.environ.clear()
    os.environ.update(boot.env)
    os.chdir(home)
    if boot.command:
        os.execvpe(boot.command[0], list(boot.command), boot.env)
    sys.argv = [boot.module]
    sys.modules.pop(boot.module, None)
    runpy.run_module(boot.module, run_name="__main__", alter_sys=True)


def tell(events: int, news: News) -> None:
    """Write one line; short enough to be atomic, so every process may write to one pipe."""
    with suppress(BrokenPipeError):
        os.write(events, news.model_dump_json(exclude_none=True).encode() + b"\n")


def _serve(machine: str, *, agent: int, events: int) -> None:
    tell(events, News(machine=machine, event="started", pid=agent))
    alive = True
    while (received := signal.sigwait(SIGNALS)) != signal.SIGTERM:
        # Once it is reaped, its number may be that of a stranger.
        if received == signal.SIGUSR1 and alive:
            with suppress(ProcessLookupError):
                os.kill(agent, signal.SIGTERM)
        for pid, code in _reaped():
            if pid == agent:
                alive = False
                tell(events, News(machine=machine, event="agent_ended", code=code))
    proctree.kill_below(os.getpid())
    tell(events, News(machine=machine, event="gone"))
    os._exit(0)


def _reaped() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended


def _furnish(home: Path, *, runner: str | None) -> None:
    home.mkdir(parents=True, exist_ok=True)
    log = os.open(home / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 1024)
    if runner:
        shutil.copytree(runner, home / "actions-runner", dirs_exist_ok=True)
