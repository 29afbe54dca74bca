"""How much each scenario measures."""

from pydantic import BaseModel


class Sizes(BaseModel):
    """Numbers of jobs; `rates` are jobs per second and how many of them."""

    warm_up: int = 20
    single: int = 100
    rates: dict[int, int] = {1: 20, 10: 100, 20: 200}
    bursts: tuple[int, ...] = (100, 500)
    launches: tuple[int, ...] = (500,)
    pools_single: int = 40
    pools_stopped: int = 100
    cost_rate: int = 4
    cost_steady: int = 40
    cost_single: int = 10
    crash: int = 100
    demo: int = 200
    k8s_single: int = 50
    k8s_finished: int = 100
    k8s_rate: int = 2
    k8s_steady: int = 30


QUICK = Sizes(
    warm_up=5, single=10, rates={1: 3, 10: 20, 20: 40}, bursts=(100,), launches=(100,),
    pools_single=6, pools_stopped=15,
    cost_steady=12, cost_single=3, crash=30, demo=30,
    k8s_single=10, k8s_finished=30, k8s_steady=10,
)  # fmt: skip
