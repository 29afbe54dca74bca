"""Where telemetry goes: a capped stream of Valkey, or CloudWatch."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import redis

from runs_fleet import telemetry
from runs_fleet.aws.errors import translated as translated_aws
from runs_fleet.errors import FleetError, Refused
from runs_fleet.queues.valkey import TELEMETRY
from runs_fleet.queues.valkey_client import translated
from runs_fleet.releases import RunnerFacts
from runs_fleet.telemetry import Metric

MOST_ENTRIES = 10_000
LIMIT = 1.0
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
MOST_IN_CALL = 1_000
MOST_WAITING = 20_000
SEND_EVERY = 10.0
NAMESPACE = "RunsFleet"

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class ValkeyTelemetry:
    """Appends to a stream that forgets its oldest entries beyond `most`, roughly.

    Waits `limit` seconds at the most; while a write hangs, what comes next is dropped at once.
    """

    def __init__(
        self,
        client: redis.Redis,
        stream: str = TELEMETRY,
        *,
        most: int = MOST_ENTRIES,
        limit: float = LIMIT,
    ) -> None:
        self._client, self._stream, self._most, self._limit = client, stream, most, limit
        # Together, for a server that writes to its disk does it once for all who wait.
        self._threads = ThreadPoolExecutor(4, "telemetry")
        self._hanging: Future[None] | None = None

    def runner_released(self, facts: RunnerFacts) -> None:
        """Append one entry, and know that it is there, or that it is not."""
        if self._hanging is not None and not self._hanging.done():
            return _lost(facts, "an earlier one hangs")
        writing = self._threads.submit(self._write, telemetry.fields(facts, _now()))
        try:
            writing.result(self._limit)
        except TimeoutError:
            self._hanging = writing
            _lost(facts, f"not written within {self._limit:g} s")
        except FleetError as error:
            _lost(facts, str(error))

    def close(self) -> None:
        """Let the threads go once they are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _write(self, fields: dict[str, str]) -> None:
        entry: dict[Any, Any] = dict(fields)
        with translated(f"send to {self._stream}"):
            self._client.xadd(self._stream, entry, maxlen=self._most, approximate=True)


class CloudWatchTelemetry:
    """Puts metrics, gathered for `every` seconds, from a thread of its own.

    `client` is boto3's CloudWatch client. While CloudWatch is away metrics wait, up to a bound; a
    worker that is killed loses what it had gathered.
    """

    def __init__(
        self,
        client: Any,
        namespace: str = NAMESPACE,
        *,
        every: float = SEND_EVERY,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._client, self._namespace, self._every = client, namespace, every
        self._clock = clock
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._sending, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._send_on, name="telemetry", daemon=True)
        self._thread.start()

    def runner_released(self, facts: RunnerFacts) -> None:
        """Gather the metrics of one runner."""
        at = self._clock()
        self._waiting.extend(_datum(each, at) for each in telemetry.metrics(facts, at))

    def flush(self) -> None:
        """Put everything that waits, a thousand metrics a call."""
        with self._sending:
            while batch := self._next_batch():
                try:
                    with translated_aws(f"put metrics {self._namespace}"):
                        self._client.put_metric_data(Namespace=self._namespace, MetricData=batch)
                except Refused as error:
                    log.warning("metrics lost", extra=_told(batch, error))
                except FleetError as error:
                    self._put_back(batch)
                    log.warning("metrics wait", extra=_told(batch, error))
                    return

    def close(self) -> None:
        """Put what waits, and let the thread go."""
        self._over.set()
        self._thread.join()
        self.flush()

    def _send_on(self) -> None:
        while not self._over.wait(self._every):
            self.flush()

    def _next_batch(self) -> list[dict[str, Any]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_IN_CALL))]

    def _put_back(self, batch: Sequence[dict[str, Any]]) -> None:
        room = MOST_WAITING - len(self._waiting)
        self._waiting.extendleft(reversed(batch[-room:] if room else []))


def _datum(metric: Metric, at: datetime) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    return {
        "MetricName": metric.name,
        "Value": metric.value,
        "Unit": metric.unit,
        "Timestamp": at,
        "Dimensions": dimensions,
    }


def _told(batch: Sequence[object], error: FleetError) -> dict[str, object]:
    return {"metrics": len(batch), "reason": str(error)}


def _lost(facts: RunnerFacts, reason: str) -> None:
    log.warning("telemetry lost", extra={"runner": facts.runner, "reason": reason})
