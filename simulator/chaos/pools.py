"""The warm pools of worlds that have some: their definitions, and what jobs ask them with."""

from dataclasses import dataclass

from runs_fleet.models import Mode
from runs_fleet.pools import file
from runs_fleet.pools.definition import PoolDefinition
from simulator.chaos.kinds import RUN

# Whose organization GitHub has to know before the first job, for the members that listen.
ORGANIZATION, REPOSITORY = "acme", "acme/shop"
NONE = "pools: []\n"
TEXTS: dict[Mode, str] = {
    "ec2": f"""\
pools:
  - name: warm
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{hot: 2, stopped: 2}}
    max: 7
  - name: ears
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{listening: 2}}
    max: 4
    listening:
      repository: {REPOSITORY}
      organization: {ORGANIZATION}
      label: runs-fleet/cpu=2/pool=ears
""",
    "k8s": """\
pools:
  - name: room
    mode: k8s
    spec: {cpu: 2}
    targets: {hot: 3}
    max: 6
  - name: stash
    mode: k8s
    spec: {cpu: 2}
    targets: {hot: 1}
    max: 4
    cache: {size: 1, volumes: 2}
""",
}
WARM, EARS = f"{RUN}/cpu=2/pool=warm", "runs-fleet/cpu=2/pool=ears"
ROOM, STASH = f"{RUN}/cpu=2/pool=room", f"{RUN}/cpu=2/pool=stash"
LABELS: dict[Mode, tuple[str, ...]] = {"ec2": (WARM, WARM, WARM, EARS, EARS), "k8s": (ROOM, STASH)}


@dataclass(frozen=True)
class Pools:
    """The pools of one mode's worlds."""

    mode: Mode

    @property
    def text(self) -> str:
        """The pools as a file."""
        return TEXTS[self.mode]

    @property
    def definitions(self) -> tuple[PoolDefinition, ...]:
        """The pools as the product reads them."""
        return file.read(self.text).pools

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(each.name for each in self.definitions)
