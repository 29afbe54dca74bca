"""Which stories there are: at each scene what may happen next, and which calls go wrong."""

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from tests.stateful.site import Fault

Delivery = Literal["once", "twice", "lost"]

# Scene: what may happen, and the scene after it.
ANYWHERE = {"cancel_at_github": "over", "cancel": "over"}
SCENES: dict[str, dict[str, str]] = {
    "waiting": ANYWHERE | {"boot": "idle", "elsewhere": "elsewhere", "lose": "waiting"},
    "idle": ANYWHERE
    | {"start": "own", "steal": "stolen", "break": "waiting", "drop": "waiting", "lose": "waiting"}
    | {"notice": "idle", "elsewhere": "elsewhere"},
    "own": ANYWHERE | {"finish": "over", "fail": "over", "lose": "over", "notice": "own"},
    "stolen": ANYWHERE
    | {"boot": "idle", "finish_other": "waiting", "lose": "waiting", "elsewhere": "elsewhere"},
    "elsewhere": ANYWHERE
    | {"boot": "elsewhere", "steal": "elsewhere", "lose": "elsewhere", "finish": "over"}
    | {"fail": "over", "finish_other": "elsewhere"},
    "over": {"boot": "over", "steal": "over", "finish_other": "over", "lose": "over"}
    | {"cancel": "over", "notice": "over"},
}
# A story is short that is over soon; a worker may die anywhere.
CHOICES = {
    scene: [
        name
        for name, after in [*sorted(acts.items()), ("kill", scene)]
        for _ in range(1 if after == "over" else 5 if name == "boot" else 3)
    ]
    for scene, acts in SCENES.items()
}
FAULTS: dict[str, tuple[Fault, ...]] = {
    "create": ("before", "after", "full", "none"),
    "mint": ("before", "after", "limited"),
    "store": ("before", "after"),
    "terminate": ("before", "after"),
    "delete_runner": ("before", "after", "none"),
    "delete": ("before", "after"),
    "job": ("before", "none"),
    "rerun_job": ("before", "after"),
    "find": ("before",),
}


@dataclass(frozen=True)
class Act:
    """One thing that happens, and what becomes of the word of it."""

    name: str
    delivery: Delivery = "once"


@dataclass(frozen=True)
class Script:
    """What happens to one job before things take their ordinary course.

    Each fault spoils the next call of its port; without `memory` a worker replays at every task.
    """

    acts: tuple[Act, ...] = ()
    faults: tuple[tuple[str, Fault], ...] = ()
    memory: bool = True


deliveries: st.SearchStrategy[Delivery] = st.sampled_from(("once", "once", "twice", "lost"))
faults = st.sampled_from(sorted(FAULTS)).flatmap(
    lambda port: st.tuples(st.just(port), st.sampled_from(FAULTS[port]))
)


@st.composite
def acts(draw: st.DrawFn) -> tuple[Act, ...]:
    """Draw one thing after the other, each possible after the one before."""
    scene, told = "waiting", list[Act]()
    for _ in range(draw(st.integers(4, 9))):
        name = draw(st.sampled_from(CHOICES[scene]))
        told.append(Act(name, draw(deliveries)))
        scene = SCENES[scene].get(name, scene)
    return tuple(told)


scripts = st.builds(Script, acts(), st.lists(faults, max_size=3).map(tuple), st.booleans())
