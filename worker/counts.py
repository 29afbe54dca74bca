"""What a worker counts, through the SDK's meter: one endpoint shows it beside Temporal's own.

https://docs.temporal.io/references/sdk-metrics
"""

from temporalio.common import MetricMeter


class Counts:
    """Counters of the relay and of calls to the outside."""

    def __init__(self, meter: MetricMeter) -> None:
        self._messages = meter.create_counter(
            "runs_fleet_messages",
            "Queue messages by queue and result (signalled, unknown, ignored, poison, deferred)",
        )
        self._github = meter.create_counter(
            "runs_fleet_github_calls", "Calls to GitHub by method, route and status"
        )
        self._machines = meter.create_counter(
            "runs_fleet_machine_events",
            "What was seen of machines by cause and result (signalled, unknown, ignored)",
        )
        self._market = meter.create_gauge(
            "runs_fleet_market",
            "Offers sold out, and kinds of machines whose breaker is not closed, by state",
        )

        self._budgets = meter.create_gauge_float(
            "runs_fleet_budget",
            "Calls a second that a service lets this worker make, by budget",
        )
        self._waiting = meter.create_gauge(
            "runs_fleet_registrations_waiting",
            "Runners that wait for GitHub's limit of registrations",
        )
        self._jobs = meter.create_gauge(
            "runs_fleet_jobs", "Jobs that are not over, by mode and state, as the search shows them"
        )

    def budget(self, name: str, rate: float) -> None:
        """Show what a budget has come to."""
        self._budgets.set(rate, {"budget": name})

    def waiting(self, count: int) -> None:
        """Show how many runners wait to be registered."""
        self._waiting.set(count)

    def message(self, queue: str, result: str) -> None:
        """Count one message."""
        self._messages.add(1, {"queue": queue, "result": result})

    def machine(self, cause: str, result: str) -> None:
        """Count one thing that a watch has seen of a machine."""
        self._machines.add(1, {"cause": cause, "result": result})

    def market(self, state: str, count: int) -> None:
        """Show how much of the market is left out of orders; each worker shows the same."""
        self._market.set(count, {"state": state})

    def jobs(self, mode: str, state: str, count: int) -> None:
        """Show how many jobs are in a state; each worker of the mode shows the same."""
        self._jobs.set(count, {"mode": mode, "state": state})

    def github_call(self, method: str, route: str, status: int) -> None:
        """Count one call to GitHub; status 0 means that nobody answered."""
        self._github.add(1, {"method": method, "route": route, "status": str(status)})
