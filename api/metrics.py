"""What the webhook endpoint counts."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

EVENTS = frozenset({"workflow_job", "workflow_run", "ping", "installation", "push", "check_run"})
ACTIONS = frozenset({"", "queued", "in_progress", "completed", "waiting"})
OTHER = "other"
BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 2, 4, 8)


class Metrics:
    """One application's counters, in a registry of their own.

    `away` tells whether Temporal is thought to be away.
    """

    def __init__(self, away: Callable[[], bool] = lambda: False) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._deliveries = Counter(
            "runs_fleet_webhook_deliveries",
            "Deliveries by what became of them (started, refused, known, over, signalled, "
            "unknown, ignored, spooled, or why they were turned away)",
            ("event", "action", "result"),
            registry=self.registry,
        )
        self._ignored = Counter(
            "runs_fleet_webhook_ignored",
            "Deliveries with nothing to do, by reason",
            ("reason",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "runs_fleet_webhook_ack_seconds",
            "From the arrival of a delivery to its answer",
            ("result",),
            buckets=BUCKETS,
            registry=self.registry,
        )

        self._spooled = Counter(
            "runs_fleet_webhook_spooled",
            "Events that went to the spool, by reason (slow, unavailable, away, crowded, order)",
            ("reason",),
            registry=self.registry,
        )
        Gauge(
            "runs_fleet_temporal_away",
            "1 while Temporal is thought to be away, and events go to the spool at once",
            registry=self.registry,
        ).set_function(away)

    def delivered(self, event: str, action: str, *, result: str, seconds: float) -> None:
        """Count one delivery; strange events and actions share a label, so nobody can flood us."""
        event = event if event in EVENTS else OTHER
        action = action if action in ACTIONS else OTHER
        self._deliveries.labels(event, action, result).inc()
        self._seconds.labels(result).observe(seconds)

    def ignored(self, reason: str) -> None:
        """Count why there was nothing to do."""
        self._ignored.labels(reason).inc()

    def spooled(self, reason: str) -> None:
        """Count why an event went to the spool."""
        self._spooled.labels(reason).inc()
