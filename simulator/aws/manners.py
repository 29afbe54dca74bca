"""The WSGI application: the world's own answers first, moto's for the rest."""

import io
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from simulator.aws.catalog import instance_types
from simulator.aws.control import Control
from simulator.aws.errors import AwsError
from simulator.aws.imds import Imds
from simulator.aws.models import Fault, FleetCall
from simulator.aws.wire import Answer, Call, answer, error_answer, json_answer
from simulator.aws.world import World

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
# Megabytes of XML that never change.
CONSTANT = {"DescribeInstanceTypes", "DescribeInstanceTypeOfferings"}
AFTER_EFFECT = {"lost_answer", "late_error", "delay"}


class Manners:
    """Everything that one AWS endpoint answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._imds = Imds(world.lives, region=world.config.region)
        self._control = Control(world)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._constant: dict[tuple[str, bytes], Answer] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or drop its connection if a fault says so."""
        path = environ["PATH_INFO"]
        if path.startswith("/_imds/"):
            found: Answer | None = self._imds.answer(environ)
        elif path.startswith("/_world/"):
            found = self._control.answer(environ)
        else:
            found = self._aws(environ)
        if found is None:
            with suppress(OSError):
                environ["gunicorn.socket"].shutdown(socket.SHUT_RDWR)
            return []
        length = ("Content-Length", str(len(found.body)))
        headers = [h for h in found.headers if h[0].lower() != "content-length"]
        start_response(f"{found.status} {HTTPStatus(found.status).phrase}", [*headers, length])
        return [found.body]

    def _aws(self, environ: Environ) -> Answer | None:
        call = Call.read(environ)
        if self._world.faults.away(call.service):
            return None
        entry = self._world.ledger.arrived(call)
        fault = self._world.faults.take(call.action)
        try:
            if fault is not None and fault.kind not in AFTER_EFFECT:
                raise AwsError(fault.code, fault.message, status=fault.status)
            self._world.faults.check(call.action, service=call.service)
            found = self._effect(call, environ, entry)
        except AwsError as error:
            if entry is not None:
                entry.error, entry.answered = error.code, time.time()
            return error_answer(error, service=call.service)
        return _spoiled(found, fault, service=call.service) if fault else found

    def _effect(self, call: Call, environ: Environ, entry: FleetCall | None) -> Answer:
        if call.service == "ec2":
            return self._ec2(call, environ, entry)
        if call.service == "ssm" and self._world.ssm.plays(call.action):
            return json_answer(self._world.ssm.play(call.action, call.params))
        if call.service == "sqs" and call.action in self._world.sqs.actions:
            return json_answer(self._world.sqs.actions[call.action](call.params))
        return self._ask_moto(call, environ)

    def _ec2(self, call: Call, environ: Environ, entry: FleetCall | None) -> Answer:
        if call.action in CONSTANT:
            return self._remembered(call, environ)
        if not self._world.ec2.plays(call.action, call.params):
            return self._ask_moto(call, environ)
        if entry is not None:
            entry.replayed = self._world.ec2.is_replay(entry.token)
        result = self._world.ec2.play(call.action, call.params)
        if entry is not None:
            entry.answered = time.time()
            entry.instances = tuple(i for part in result["Instances"] for i in part["InstanceIds"])
        return answer(call.action, result)

    def _remembered(self, call: Call, environ: Environ) -> Answer:
        key = (call.action, call.body)
        if key not in self._constant:
            found = self._catalog(call, environ)
            if found.status != HTTPStatus.OK:
                return found
            self._constant[key] = found
        return self._constant[key]

    def _catalog(self, call: Call, environ: Environ) -> Answer:
        if call.action != "DescribeInstanceTypes":
            return self._ask_moto(call, environ)
        return answer(call.action, instance_types(self._world.account, call.params))

    def _ask_moto(self, call: Call, environ: Environ) -> Answer:
        taken: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            taken[:] = [int(status.split()[0]), headers]

        parts = self._moto({**environ, "wsgi.input": io.BytesIO(call.body)}, start)
        body = b"".join(parts)
        close = getattr(parts, "close", None)
        if close is not None:
            close()
        return Answer(taken[0], body, list(taken[1]))


def _spoiled(found: Answer, fault: Fault, *, service: str) -> Answer | None:
    if fault.kind == "lost_answer":
        return None
    if fault.kind == "late_error":
        error = AwsError(fault.code, fault.message, status=fault.status)
        return error_answer(error, service=service)
    time.sleep(fault.seconds)
    return found
