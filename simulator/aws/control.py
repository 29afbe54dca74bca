"""Levers and books over HTTP, under `/_world/`; JSON both ways."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.aws.errors import AwsError
from simulator.aws.instances import Instance
from simulator.aws.life import HARDWARE
from simulator.aws.models import CapacityRule, Fault, Levers, Throttle
from simulator.aws.wire import Answer, json_answer
from simulator.aws.world import World

Body = dict[str, Any]
NOTHING: Body = {}


class Control:
    """Routes by (method, name)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes: dict[tuple[str, str], Callable[[Body], Any]] = {
            ("GET", "books"): lambda _: world.books(),
            ("GET", "machines"): lambda _: self._machines(),
            ("GET", "levers"): lambda _: world.lives.levers,
            ("POST", "levers"): self._pull,
            ("POST", "capacity"): lambda body: world.lives.pools.rule(CapacityRule(**body)),
            ("POST", "plenty"): lambda _: world.lives.pools.clear(),
            ("POST", "calm"): lambda _: self._calm(),
            ("POST", "fault"): lambda body: world.faults.order(Fault(**body)),
            ("POST", "cut_off"): lambda body: world.faults.cut_off(body["services"]),
            ("POST", "throttle"): lambda body: world.faults.throttle(Throttle(**body)),
            ("POST", "interrupt"): self._interrupt,
            ("POST", "lose"): self._lose,
            ("POST", "halt"): self._halt,
            ("POST", "set_up"): lambda _: world.setup,
        }

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Do what the path says; mistakes come back as 400 or 404 with the reason."""
        name = environ["PATH_INFO"].removeprefix("/_world/").strip("/")
        route = self._routes.get((environ["REQUEST_METHOD"], name))
        if route is None:
            known = sorted(f"{method} {path}" for method, path in self._routes)
            return json_answer({"error": f"no {name!r} here", "known": known}, status=404)
        text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            return json_answer(_plain(route(json.loads(text or b"{}"))))
        except (AwsError, ValidationError, ValueError, TypeError) as error:
            return json_answer({"error": str(error)}, status=400)

    def _machines(self) -> Body:
        with self._world.lives.lock:
            return {"machines": [i.record() for i in self._world.lives.instances.values()]}

    def _pull(self, body: Body) -> Levers:
        with self._world.lives.lock:
            levers = self._world.lives.levers
            changed = Levers.model_validate({**levers.model_dump(), **body})
            for name in body:
                setattr(levers, name, getattr(changed, name))
            self._world.lives.pools.default.capacity = levers.capacity
            return levers

    def _calm(self) -> None:
        self._world.faults.clear()
        self._world.lives.pools.clear()
        self._pull(self._world.config.levers.model_dump())

    def _interrupt(self, body: Body) -> None:
        lives = self._world.lives
        with lives.lock:
            for instance in self._named(body["machines"]):
                lives.interrupt(instance, after=body.get("after"))

    def _lose(self, body: Body) -> None:
        with self._world.lives.lock:
            for instance in self._named(body["machines"]):
                self._world.lives.end(instance, HARDWARE, silent=not body.get("events"))

    def _halt(self, body: Body) -> None:
        lives = self._world.lives
        with lives.lock:
            for instance in self._named(body["machines"]):
                stops = instance.setting("InstanceInitiatedShutdownBehavior") != "terminate"
                act = lives.stop if stops and instance.market == "on-demand" else lives.end
                act(instance, "Client.InstanceInitiatedShutdown")

    def _named(self, names: Iterable[str]) -> list[Instance]:
        # What happens to a machine happens, whether Describe shows it yet or not.
        return self._world.lives.find(names, unseen=True)


def _plain(result: Any) -> Body:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, dict):
        return {key: [_plain(item) for item in value] for key, value in result.items()}
    return NOTHING
