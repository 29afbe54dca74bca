"""The one call that makes a runner: what goes into it, and what comes out."""

from datetime import timedelta

from runs_fleet.models import Machine, MachineOrder, Registration, RegistrationRequest, Wire


class Placement(Wire):
    """Make a machine, and register its runner in the same call; its `machine_id` follows."""

    order: MachineOrder
    registration: RegistrationRequest


class Placed(Wire):
    """A machine, and its runner's registration; without one, `trouble` says why.

    `refused` means that asking again cannot help, `after` how long not to ask again, `begun` that
    GitHub may know the runner all the same, `again` that an earlier try may have asked it.
    """

    machine: Machine
    registration: Registration | None = None
    trouble: str = ""
    refused: bool = False
    after: timedelta | None = None
    begun: bool = True
    again: bool = False
