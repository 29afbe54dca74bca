"""Deliveries sent by many at once, and what became of each."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.delivery import signed
from tests.api.conftest import example

SENDERS = 16
# Nobody was there to take it, so whoever sends knows that nobody has it.
REFUSED = "refused"
LOST = "sent without an answer"


class Burst:
    """Senders that go on until nobody listens; `keeping` keeps their connections."""

    def __init__(self, port: int, secret: str, *, first_job: int, keeping: bool) -> None:
        self._port, self._secret, self._keeping = port, secret, keeping
        self._jobs = iter(range(first_job, first_job + 1_000_000))
        self._lock = threading.Lock()
        self.became: Counter[str] = Counter()
        self.taken: list[int] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send while the block runs, and wait for every sender at its end."""
        senders = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            for sender in senders:
                sender.join(30)

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        result = ""
        while result != REFUSED:
            with self._lock:
                job = next(self._jobs)
            result = self._post(connection, job)
            self._note(job, result)
            if not self._keeping:
                connection.close()
        connection.close()

    def _post(self, connection: http.client.HTTPConnection, job: int) -> str:
        body = json.dumps(example("01-queued", id=job)).encode()
        headers = {
            "x-github-event": "workflow_job",
            "x-hub-signature-256": signed(body, self._secret.encode()),
        }
        if connection.sock is None:
            try:
                connection.connect()
            except OSError:
                return REFUSED
        try:
            connection.request("POST", "/webhook", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return LOST
        return str(answer.status)

    def _note(self, job: int, result: str) -> None:
        with self._lock:
            self.became[result] += 1
            if result == "202":
                self.taken.append(job)
