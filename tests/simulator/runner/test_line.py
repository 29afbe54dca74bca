"""The stand-in's connection: what the broker has ended in the meantime is dialled again."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulator.runner.line import Line

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"job_id":7}'


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def serve_once(listening: socket.socket) -> None:
    """Answer one request, and hang up."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(ANSWER)


def test_a_question_after_the_broker_hung_up_is_asked_on_a_new_connection(
    broker: socket.socket,
) -> None:
    line = Line(f"http://127.0.0.1:{broker.getsockname()[1]}/")
    with ThreadPoolExecutor(1) as broker_side:
        for _ in range(2):
            served = broker_side.submit(serve_once, broker)
            assert line.ask("POST", "acquire/1/7") == (200, {"job_id": 7})
            served.result(10)
    line.close()
