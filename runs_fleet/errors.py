"""Errors named for what the caller should do next.

FleetError
├── Refused        asking again cannot help: fix the label, the config or the permission
├── NoCapacity     right request, wrong moment: try another type, zone, market or time
├── RateLimited    ask again after `after` seconds, and nobody else before that
├── RunnerBusy     the runner is working: keep it, come back
├── NameTaken      a runner of this name is registered already: look it up
├── NotThere       what was asked for does not exist
└── Unavailable    nobody answered, or not sensibly: the same request again, later
"""


class FleetError(Exception):
    """Something outside did not do what we asked."""


class Refused(FleetError):
    """Asking again cannot help; `forbidden` when it is because we lack the permission."""

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class NoCapacity(FleetError):
    """Right request, wrong moment."""


class MachineGone(NoCapacity):
    """The order was fulfilled before, and its machine has ended: a runner may have worked there."""


class RateLimited(FleetError):
    """Ask again after `after` seconds."""

    def __init__(self, message: str, *, after: float) -> None:
        super().__init__(message)
        self.after = after


class RunnerBusy(FleetError):
    """The runner is working a job."""


class NameTaken(FleetError):
    """A runner of this name is registered already."""


class NotThere(FleetError):
    """What was asked for does not exist."""


class Unavailable(FleetError):
    """Nobody answered, or not sensibly."""
