"""The fork server as its owner sees it: boot, power off, cut, and what has become of machines."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from simulator.machines.boot import Boot, News, Power
from simulator.ports import NotStarted, Server


class MachineHost:
    """Owns the fork server; thread safe. `on_news` is called in the reader's thread."""

    def __init__(
        self, *, log: Path, preload: Sequence[str], on_news: Callable[[News], None]
    ) -> None:
        self._log = log
        self._preload = tuple(preload)
        self._on_news = on_news
        self._lock = threading.Lock()
        self._on: set[str] = set()
        self._server: Server | None = None
        self._started = threading.Event()
        self._failure: NotStarted | None = None

    def start(self) -> None:
        """Start the fork server; it loads what agents need while others do other things."""
        threading.Thread(target=self._run, name="machines", daemon=True).start()

    def wait(self) -> None:
        """Wait until the fork server is ready."""
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def boot(self, boot: Boot) -> None:
        """Start one machine."""
        with self._lock:
            self._on.add(boot.machine)
            self._send(boot.model_dump_json())

    def power(self, machine: str, do: Power) -> None:
        """Press a machine's button or cut its power; one that is off stays off."""
        with self._lock:
            if machine in self._on:
                self._send(do.model_dump_json())

    def is_on(self, machine: str) -> bool:
        """Tell whether anything of this machine may still run."""
        with self._lock:
            return machine in self._on

    def close(self) -> None:
        """End the fork server, and with it every machine."""
        if self._server is not None:
            self._server.stop()

    def _send(self, line: str) -> None:
        assert self._server is not None
        assert self._server.process.stdin is not None
        self._server.process.stdin.write(line.encode() + b"\n")
        self._server.process.stdin.flush()

    def _run(self) -> None:
        try:
            self._server = Server.start(["-m", "simulator.machines", *self._preload], log=self._log)
        except NotStarted as failure:
            self._failure = failure
        self._started.set()
        if self._server is not None:
            self._listen()

    def _listen(self) -> None:
        assert self._server is not None
        assert self._server.process.stdout is not None
        for line in self._server.process.stdout:
            news = News.model_validate_json(line)
            if news.event == "gone":
                with self._lock:
                    self._on.discard(news.machine)
            self._on_news(news)
        with self._lock:
            self._on.clear()
