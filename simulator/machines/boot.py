"""What the fork server is told, and what it says: one JSON object a line, both ways."""

from typing import Literal

from pydantic import BaseModel


class Boot(BaseModel):
    """Start a machine: its agent is a module run in a fork, or a `command` if there is one."""

    do: Literal["boot"] = "boot"
    machine: str
    home: str
    env: dict[str, str]
    module: str = "agent.__main__"
    command: tuple[str, ...] = ()
    runner: str | None = None


class Power(BaseModel):
    """Press the button (`off`: SIGTERM to the agent) or pull the plug (`cut`: SIGKILL to all)."""

    do: Literal["off", "cut"]
    machine: str


class News(BaseModel):
    """What became of a machine: its agent started or ended by itself, or all of it is gone."""

    machine: str
    event: Literal["started", "agent_ended", "gone"]
    pid: int | None = None
    code: int | None = None
