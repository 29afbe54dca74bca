"""The world behind gunicorn: one worker process, many threads, and no life after the parent's."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from simulator.aws.models import AwsConfig
from simulator.aws.power import NoPower, Power, supply
from simulator.ports import watch_lifeline

KEEP_ALIVE = 120
CONNECTIONS = 8_000
BACKLOG = 2_048


class Late:
    """A WSGI application that is made when the worker knows its address."""

    def __init__(self) -> None:
        self.app: Callable[[Any, Any], Any] | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Pass the request on."""
        assert self.app is not None
        return self.app(environ, start_response)


class Served(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, set up in code."""

    def __init__(self, config: AwsConfig, *, port: int) -> None:
        self._config = config
        self._port = port
        self._power: Power = NoPower()
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn what it should know."""
        settings: dict[str, Any] = {
            "bind": f"127.0.0.1:{self._port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._config.threads,
            "worker_connections": CONNECTIONS,
            "backlog": BACKLOG,
            "keepalive": KEEP_ALIVE,
            "timeout": 0,
            "graceful_timeout": 1,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": self._open,
            "worker_exit": lambda _server, _worker: self._close(),
            # A second worker would be an empty world.
            "child_exit": lambda _server, _worker: os._exit(1),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Late:
        """Make the application, in the worker."""
        return Late()

    def _open(self, worker: Any) -> None:
        port = worker.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        watch_lifeline(self._end)
        self._power = supply(self._config, url)
        # moto takes seconds to import; meanwhile the fork server does its own share.
        from simulator.aws.manners import Manners
        from simulator.aws.world import World

        world = World(self._config, url, self._power)
        world.open()
        worker.wsgi.app = Manners(world)
        self._power.wait()
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    def _close(self) -> None:
        self._power.close()

    def _end(self) -> None:
        self._close()
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
