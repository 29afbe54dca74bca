"""Machines, orders and leftovers of any cloud in one shape, so that promises are spelt once."""

from pydantic import BaseModel


class Machine(BaseModel):
    """One machine or pod that was ever made; times are Unix times.

    `ended` is when it stopped to count as one: that its owner, or the cloud, began to take it
    away. `ran` is false of one on which nothing was ever started. `busy` says whether a job ran at
    that moment, where the cloud's books tell. `member` is what it is to the pool that keeps it, and
    `volumes` are those that it has, and that outlive it.
    """

    machine_id: str
    runner: str
    state: str
    began: float
    ended: float | None = None
    cause: str = ""
    ran: bool = True
    busy: bool = False
    market: str = ""
    node: str = ""
    pool: str = ""
    member: str = ""
    volumes: tuple[str, ...] = ()
    times: tuple[tuple[str, float], ...] = ()


class Order(BaseModel):
    """One thing that the product asked of its cloud, and what came of it."""

    at: float
    runner: str
    words: str


class Left(BaseModel):
    """One thing that is no machine and still exists."""

    kind: str
    name: str
    runner: str = ""


class CloudBooks(BaseModel):
    """All that a cloud knows."""

    machines: tuple[Machine, ...] = ()
    orders: tuple[Order, ...] = ()
    left: tuple[Left, ...] = ()
