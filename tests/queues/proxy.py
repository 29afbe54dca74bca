"""A way to a server on which connections break."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

CHUNK = 65536


class Proxy:
    """Passes bytes between callers and a server; leaving the context ends it.

    `cut` breaks every connection, a shut `open` refuses new ones, `lose_answers` breaks that many
    connections when the server answers on them: what was asked has had its effect. While `flows`
    is not set, nothing that is asked gets there.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.open, self.lose_answers = True, 0
        self.flows = threading.Event()
        self.flows.set()
        self._ends = set[socket.socket]()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            for end in self._ends:
                _break(end)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open = False
        self.flows.set()
        # A thread that waits in accept is not woken by a close.
        _break(self._socket)
        self._threads[0].join()
        self._socket.close()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                self._join(caller)

    def _join(self, caller: socket.socket) -> None:
        if not self.open:
            caller.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            caller.close()
            return
        with self._lock:
            self._ends |= {caller, server}
        pumps = ((caller, server, False), (server, caller, True))
        both = [threading.Thread(target=self._pump, args=each, daemon=True) for each in pumps]
        self._threads += both
        for thread in both:
            thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(CHUNK)) and not (answers and self._lost()):
                self.flows.wait()
                sink.sendall(data)
        _break(source)
        _break(sink)
        with self._lock:
            self._ends.discard(source)
        source.close()

    def _lost(self) -> bool:
        with self._lock:
            lost = self.lose_answers > 0
            self.lose_answers -= lost
        return lost


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
