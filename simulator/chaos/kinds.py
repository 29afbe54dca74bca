"""Which faults there are, and what jobs ask for, in each mode."""

from dataclasses import dataclass

from runs_fleet.models import Mode

RUN = "runs-fleet=${{ github.run_id }}"
LABELS: dict[Mode, tuple[str, ...]] = {
    "ec2": (
        f"{RUN}/cpu=2",
        f"{RUN}/cpu=2",
        f"{RUN}/runner=4cpu-linux-arm64",
        f"{RUN}/cpu=4+16/ram=8+64/arch=amd64",
        f"{RUN}/cpu=2/spot=false",
        f"{RUN}/cpu=2/rerun=false",
    ),
    "k8s": (
        f"{RUN}/cpu=2",
        f"{RUN}/cpu=2",
        f"{RUN}/runner=4cpu-linux-arm64",
        f"{RUN}/cpu=2/private=true",
        f"{RUN}/cpu=2/disk=20",
        f"{RUN}/cpu=2/spot=false",
        f"{RUN}/cpu=2/rerun=false",
    ),
}


@dataclass(frozen=True)
class Kind:
    """One kind of fault: its variants, how long it lasts, and in which part of the window."""

    name: str
    whats: tuple[str, ...] = ("",)
    seconds: tuple[float, float] = (0.0, 0.0)
    part: tuple[float, float] = (0.05, 0.85)
    weight: int = 2


# A call that a dead worker had under way is tried again after up to 25 seconds: early kills
# keep a seed short.
EARLY = (0.1, 0.6)
OUR_KILLS = (
    Kind("worker_killed", seconds=(0.5, 3.0), part=EARLY),
    Kind("api_killed", seconds=(0.5, 3.0), part=EARLY),
    Kind("temporal_killed", seconds=(0.5, 2.0), part=EARLY, weight=1),
)
KILLS: dict[Mode, tuple[Kind, ...]] = {
    "ec2": OUR_KILLS,
    "k8s": (
        *OUR_KILLS,
        Kind("apiserver_killed", seconds=(0.5, 3.0), part=EARLY, weight=1),
        Kind("valkey_killed", seconds=(0.5, 3.0), part=EARLY, weight=1),
    ),
}
WEBHOOKS = Kind("webhooks", ("drop", "double", "reorder", "delay", "all"), seconds=(2.0, 6.0))
THEFT = Kind("theft", part=(0.05, 0.6), weight=1)
GITHUB = Kind("github", ("502", "503", "reset", "primary", "secondary", "revoked"))
SLOW_BOOT = Kind("slow_boot", seconds=(2.0, 6.0))
SILENT_BOOT = Kind("silent_boot", part=(0.05, 0.5), weight=1)
CANCELLATION = Kind("cancellation", weight=1)
# A seed means the same for ever as long as the order is kept.
KINDS: dict[Mode, tuple[Kind, ...]] = {
    "ec2": (
        *KILLS["ec2"],
        WEBHOOKS,
        THEFT,
        Kind("spot_loss", ("before", "during"), seconds=(0.3, 1.5)),
        Kind("hardware_loss", ("told", "untold")),
        Kind(
            "no_capacity",
            ("spot/*/*", "on-demand/*/*", "*/c7*/*", "*/*/us-east-1a", "*/*/*"),
            seconds=(1.0, 4.0),
        ),
        Kind(
            "lost_answer",
            (
                "CreateFleet",
                "PutParameter",
                "TerminateInstances",
                "DeleteParameter",
                "mint",
                "delete",
            ),
        ),
        GITHUB,
        SLOW_BOOT,
        SILENT_BOOT,
        Kind("sqs_away", seconds=(1.0, 5.0)),
        CANCELLATION,
    ),
    "k8s": (
        *KILLS["k8s"],
        WEBHOOKS,
        THEFT,
        Kind("eviction", ("before", "during")),
        Kind("preemption", ("before", "during")),
        Kind("oom_kill", ("during",), weight=1),
        Kind("node_loss", ("told", "silent"), seconds=(0.3, 1.5)),
        Kind("drain", seconds=(0.5, 3.0), weight=1),
        Kind("no_room", ("*", "amd64-*", "arm64-*", "*-spot-*"), seconds=(1.0, 5.0)),
        Kind("stall", ("image", "config"), seconds=(1.0, 5.0)),
        Kind("api_trouble", ("429", "500", "503", "slow", "reset", "refused"), seconds=(0.5, 2.0)),
        Kind("lost_answer", ("job", "config_map", "secret", "removal", "mint", "delete")),
        GITHUB,
        SLOW_BOOT,
        SILENT_BOOT,
        CANCELLATION,
    ),
}
