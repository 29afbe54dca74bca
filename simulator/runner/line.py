"""The stand-in's HTTP: one kept connection to the broker, and nothing that starts slowly."""

import json
import select
import socket
import time

VERSION = "2.336.0"
FOREVER = 3600.0

Json = dict[str, object]


class Line:
    """One connection to the broker, with one request open on it at the most."""

    def __init__(self, url: str) -> None:
        host, _, self._base = url.partition("//")[2].partition("/")
        name, _, port = host.partition(":")
        self._address = (name, int(port or 80))
        self._host = host
        self._socket: socket.socket | None = None
        self._got = b""
        self._owed = False

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Ask and wait for the answer. Raises OSError."""
        self.send(method, path, body)
        answer = self.answer(FOREVER)
        assert answer is not None
        return answer

    def send(self, method: str, path: str, body: Json | None = None) -> None:
        """Ask, and leave the answer for later."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /{self._base}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"User-Agent: GitHubActionsRunner/{VERSION}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        if self._owed or self._is_ended():
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=10)
        self._got, self._owed = b"", True
        self._socket.settimeout(10)
        self._socket.sendall(head.encode() + content)

    def answer(self, patience: float) -> tuple[int, Json] | None:
        """Read the answer, or None if it does not come in time. Raises OSError."""
        deadline = time.monotonic() + patience
        while (whole := self._whole()) is None:
            rest = deadline - time.monotonic()
            if rest <= 0 or self._socket is None:
                return None
            self._socket.settimeout(rest)
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                return None
            if not piece:
                self.close()
                raise ConnectionResetError("The connection was closed")
            self._got += piece
        self._owed = False
        return whole

    def close(self) -> None:
        """Hang up; the next question dials again."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._owed = None, False

    def _is_ended(self) -> bool:
        """Whether the broker has hung up on a connection that nobody has used for long."""
        return self._socket is not None and bool(select.select([self._socket], [], [], 0)[0])

    def _whole(self) -> tuple[int, Json] | None:
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *fields = head.decode("latin-1").split("\r\n")
        lengths = [f.partition(":")[2] for f in fields if f.lower().startswith("content-length:")]
        length = int(lengths[0]) if lengths else 0
        if len(body) < length:
            return None
        return int(first.split()[1]), json.loads(body) if body else {}
