"""Which faults there are besides, in worlds with warm pools."""

from runs_fleet.models import Mode
from simulator.chaos.kinds import EARLY, Kind

# A manager that begins anew launches nothing for the first seconds.
SOON = (0.1, 0.5)
OPERATIONS = ("drain", "pause", "recycle")
# Longer than a claim is waited for.
ANSWER_LATE = Kind("answer_late", seconds=(6.5, 9.0), part=EARLY, weight=1)
# A seed means the same for ever as long as the order is kept.
POOL_KINDS: dict[Mode, tuple[Kind, ...]] = {
    "ec2": (
        Kind("manager_terminated", ("warm", "ears"), part=SOON, weight=1),
        ANSWER_LATE,
        Kind(
            "pool_operated",
            tuple(f"{kind}/{pool}" for kind in OPERATIONS for pool in ("warm", "ears")),
            seconds=(1.0, 5.0),
        ),
        Kind("member_loss", ("hot", "stopped", "listening", "claimed"), weight=4),
        Kind("start_fails"),
        Kind(
            "member_answer",
            (
                "CreateFleet",
                "CreateQueue",
                "DeleteQueue",
                "StartInstances",
                "StopInstances",
                "CreateTags",
            ),
        ),
        Kind("idle_dropped"),
    ),
    "k8s": (
        Kind("manager_terminated", ("room", "stash"), part=SOON, weight=1),
        ANSWER_LATE,
        Kind(
            "pool_operated",
            tuple(f"{kind}/{pool}" for kind in OPERATIONS for pool in ("room", "stash")),
            seconds=(1.0, 5.0),
        ),
        Kind("placeholder_loss", ("evicted", "preempted"), weight=4),
        Kind("pool_answer", ("deployment", "volume")),
    ),
}
