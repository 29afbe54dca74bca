"""Containers as processes: their environment, their command, and how they end."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from simulator.kube import mounts
from simulator.kube.api import Json
from simulator.kube.plans import Agents
from simulator.kube.status import KILLED
from simulator.machines.boot import Boot, News, Power
from simulator.machines.host import MachineHost

AGENT_MARK = ("RUNS_FLEET_MODE", "k8s")
RUNNER_DIR = "RUNS_FLEET_RUNNER_DIR"
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class Process(Protocol):
    """A container that runs."""

    @property
    def started(self) -> asyncio.Future[int | None]:
        """Its process id, as soon as there is one; None if it has none."""
        ...

    @property
    def ended(self) -> asyncio.Future[int]:
        """Its exit code, as soon as nothing of it runs any more."""
        ...

    def stop(self) -> None:
        """Send SIGTERM to its first process."""

    def kill(self) -> None:
        """Send SIGKILL to all of it."""


class Idle:
    """A container that does nothing and goes when it is told to."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int | None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.started.set_result(None)

    def stop(self) -> None:
        """End well."""
        if not self.ended.done():
            self.ended.set_result(0)

    def kill(self) -> None:
        """End."""
        if not self.ended.done():
            self.ended.set_result(KILLED)


class Tree:
    """A container that is a process tree under the fork server."""

    def __init__(self, name: str, host: MachineHost) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int | None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self._name = name
        self._host = host
        self._code: int | None = None

    def stop(self) -> None:
        """Press the button."""
        self._host.power(self._name, Power(do="off", machine=self._name))

    def kill(self) -> None:
        """Pull the plug."""
        self._host.power(self._name, Power(do="cut", machine=self._name))

    def heard(self, news: News) -> None:
        """Learn what has become of it: with its first process all others end."""
        if news.event == "started" and not self.started.done():
            self.started.set_result(news.pid)
        elif news.event == "agent_ended":
            self._code = news.code
            self.kill()
        elif news.event == "gone" and not self.ended.done():
            self.ended.set_result(_exit_code(self._code))


class Runtime:
    """Starts containers; all its methods belong to the loop's thread."""

    def __init__(self, home: Path, agents: Agents) -> None:
        self._agents = agents
        self._trees: dict[str, Tree] = {}
        self._loop = asyncio.get_running_loop()
        self._host = MachineHost(
            log=home / "machines.log", preload=agents.preload, on_news=self._tell
        )
        self._host.start()

    def wait(self) -> None:
        """Wait until processes can be started; may be called in any thread."""
        self._host.wait()

    def close(self) -> None:
        """End everything that runs."""
        self._host.close()

    def start(self, name: str, container: Json, *, env: dict[str, str], home: Path) -> Process:
        """Start a container, whose environment is `env`, with `home` as its root."""
        tree = self._trees[name] = Tree(name, self._host)
        boot = Boot(machine=name, home=str(home), env={**_usual(home), **env})
        if is_agent(env):
            boot = self._as_agent(boot, home)
        else:
            boot = boot.model_copy(update={"command": command(container, env)})
        self._host.boot(boot)
        return tree

    def _as_agent(self, boot: Boot, home: Path) -> Boot:
        own = {RUNNER_DIR: str(home / "actions-runner")} if self._agents.runner else {}
        changes = {
            "module": self._agents.module,
            "runner": str(self._agents.runner) if self._agents.runner else None,
            "env": {**boot.env, **own, **self._agents.env},
        }
        return boot.model_copy(update=changes)

    def _tell(self, news: News) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard, news)

    def _heard(self, news: News) -> None:
        if tree := self._trees.get(news.machine):
            tree.heard(news)
        if news.event == "gone":
            self._trees.pop(news.machine, None)


def is_agent(env: Mapping[str, str]) -> bool:
    """Tell an agent's container by its environment."""
    name, value = AGENT_MARK
    return env.get(name) == value


def is_idle(container: Json, patterns: tuple[str, ...]) -> bool:
    """Tell a container that only waits for its end by its image."""
    return any(fnmatchcase(container["image"], pattern) for pattern in patterns)


def command(container: Json, env: Mapping[str, str]) -> tuple[str, ...]:
    """Find what a container runs; one that names nothing has nothing to do."""
    words = [*container.get("command", ()), *container.get("args", ())]
    return tuple(expand(word, env) for word in words) or ("true",)


def environment(container: Json, pod: Json, folder: Path, fetch: mounts.Fetch) -> dict[str, str]:
    """Work out a container's environment; paths in its mounts become paths in `folder`.

    Raises mounts.Missing.
    """
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= _all_of(source, fetch)
    for variable in container.get("env", ()):
        value = _value(variable, pod, fetch)
        if value is not None:
            found[variable["name"]] = mounts.mapped(expand(value, found), container, folder)
    return found


def expand(text: str, env: Mapping[str, str]) -> str:
    """Put variables into a text, as `$(NAME)` asks; unknown ones stay."""
    return REFERENCE.sub(lambda found: env.get(found[1], found[0]), text)


def _all_of(source: Json, fetch: mounts.Fetch) -> dict[str, str]:
    kind, reference = (
        ("secrets", source["secretRef"])
        if "secretRef" in source
        else ("configmaps", source["configMapRef"])
    )
    try:
        found = mounts.keys(kind, reference["name"], fetch)
    except mounts.Missing:
        if reference.get("optional"):
            return {}
        raise
    prefix = source.get("prefix", "")
    return {f"{prefix}{key}": value.decode() for key, value in found.items()}


def _value(variable: Json, pod: Json, fetch: mounts.Fetch) -> str | None:
    source = variable.get("valueFrom")
    if source is None:
        return str(variable.get("value", ""))
    if "fieldRef" in source:
        return mounts.field(pod, source["fieldRef"]["fieldPath"])
    for kind, name in (("secrets", "secretKeyRef"), ("configmaps", "configMapKeyRef")):
        if reference := source.get(name):
            return _key(kind, reference, fetch)
    return None


def _key(kind: str, reference: Json, fetch: mounts.Fetch) -> str | None:
    try:
        found = mounts.keys(kind, reference["name"], fetch)
    except mounts.Missing:
        if reference.get("optional"):
            return None
        raise
    if reference["key"] in found:
        return found[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise mounts.Missing(f"couldn't find key {reference['key']} in {kind[:-1]}")


def _usual(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"}


def _exit_code(code: int | None) -> int:
    if code is None:
        return KILLED
    return code if code >= 0 else 128 - code
