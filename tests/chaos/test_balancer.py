"""The load balancer before the replicas of an API."""

import contextlib
import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from simulator.balancer import Balancer
from simulator.ports import free_port


class Replica(BaseHTTPRequestHandler):
    """Answers with the port on which it listens."""

    def do_GET(self) -> None:
        said = str(self.connection.getsockname()[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[ThreadingHTTPServer]:
    """One replica."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Replica)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def replicas() -> Iterator[list[ThreadingHTTPServer]]:
    with served() as one, served() as other:
        yield [one, other]


def ask(port: int) -> int:
    """Ask once, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return int(connection.getresponse().read())
    finally:
        connection.close()


def test_replicas_take_turns(replicas: list[ThreadingHTTPServer]) -> None:
    ports = [server.server_port for server in replicas]
    with Balancer(ports) as balancer:
        assert Counter(ask(balancer.port) for _ in range(6)) == dict.fromkeys(ports, 3)


def test_a_replica_that_is_down_is_passed_over(replicas: list[ThreadingHTTPServer]) -> None:
    up = replicas[0].server_port
    with Balancer([free_port(), up]) as balancer:
        assert {ask(balancer.port) for _ in range(4)} == {up}


def test_without_any_replica_the_caller_is_hung_up_on() -> None:
    with Balancer([free_port()]) as balancer, pytest.raises(ConnectionError):
        ask(balancer.port)


def test_its_end_hangs_up_on_callers_that_are_still_there(
    replicas: list[ThreadingHTTPServer],
) -> None:
    with Balancer([server.server_port for server in replicas]) as balancer:
        caller = socket.create_connection(("127.0.0.1", balancer.port), timeout=20)
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert caller.recv(1) == b"H"
    read_to_the_end(caller)
    caller.close()


def read_to_the_end(caller: socket.socket) -> None:
    """Read until the other side has hung up, in whichever way; raises TimeoutError."""
    with contextlib.suppress(ConnectionResetError):
        while caller.recv(65536):
            pass
