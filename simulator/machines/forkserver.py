"""The process that machines are forked from: one thread, and everything loaded already."""

import gc
import os
import select
import signal

from pydantic import TypeAdapter

from simulator.machines import init, proctree
from simulator.machines.boot import Boot, News, Power

Command: TypeAdapter[Boot | Power] = TypeAdapter(Boot | Power)
REAP_EVERY = 0.5
POWER = {"off": signal.SIGUSR1, "cut": signal.SIGTERM}


class ForkServer:
    """Reads commands from one pipe, writes news to another; the end of the first ends all."""

    def __init__(self, *, commands: int, events: int) -> None:
        self._commands = commands
        self._events = events
        self._inits: dict[str, int] = {}
        self._text = b""

    def serve(self) -> Boot | None:
        """Fork until told to end; returns a Boot in each forked agent, None in the server."""
        gc.collect()
        gc.freeze()
        proctree.adopt_orphans()
        while (lines := self._read()) is not None:
            for line in lines:
                boot = self._do(Command.validate_json(line))
                if boot is not None:
                    return boot
            self._reap()
        proctree.kill_below(os.getpid())
        return None

    def _read(self) -> list[bytes] | None:
        readable, _, _ = select.select([self._commands], [], [], REAP_EVERY)
        if not readable:
            return []
        chunk = os.read(self._commands, 1 << 16)
        *lines, self._text = (self._text + chunk).split(b"\n")
        return lines if chunk else None

    def _do(self, command: Boot | Power) -> Boot | None:
        if isinstance(command, Boot):
            return self._fork(command)
        pid = self._inits.get(command.machine)
        if pid is None:
            init.tell(self._events, News(machine=command.machine, event="gone"))
        else:
            os.kill(pid, POWER[command.do])
        return None

    def _fork(self, boot: Boot) -> Boot | None:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, init.SIGNALS)
        pid = os.fork()
        if pid == 0:
            init.split(boot, events=self._events, parent=parent)
            return boot
        signal.pthread_sigmask(signal.SIG_UNBLOCK, init.SIGNALS)
        self._inits[boot.machine] = pid
        return None

    def _reap(self) -> None:
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._inits = {name: pid for name, pid in self._inits.items() if pid != ended[0]}
        except ChildProcessError:
            self._inits.clear()
