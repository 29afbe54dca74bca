"""Serve the fake GitHub: `python -m simulator.github --public-key app.pub.pem`."""

import argparse
import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import uvicorn

from simulator.github.app import application
from simulator.github.identity import AppSecrets
from simulator.github.service import GitHubService
from simulator.github.wires import Wire


def main() -> None:
    """Serve until SIGTERM, or until stdin closes if so asked."""
    asyncio.run(serve(arguments()))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="simulator.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 is any free one")
    parser.add_argument("--public-key", type=Path, required=True, help="of the app, PEM")
    parser.add_argument("--app-id", type=int, default=1001)
    parser.add_argument("--base-path", default="", help="/api/v3 makes it a GHES")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deliver-to", help="URL of the webhook receiver")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the parent process"
    )
    return parser.parse_args()


async def serve(options: argparse.Namespace) -> None:
    """Print where it listens as one line of JSON, then serve."""
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = AppSecrets(options.app_id, options.public_key.read_bytes(), secrets())
    service = GitHubService(root, app, base=options.base_path, seed=options.seed)
    service.deliveries.target = options.deliver_to
    config = uvicorn.Config(
        application(service), http=Wire, ws="none", lifespan="on", log_config=None,
        access_log=False, backlog=2048, timeout_keep_alive=120, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    sys.stdout.write(json.dumps({"root": root, "api": service.bodies.api}) + "\n")
    sys.stdout.flush()
    if options.until_stdin_closes:
        await end_with_stdin(server, service)
    await server.serve(sockets=[listener])


def secrets() -> tuple[str, ...]:
    """Read the webhook secrets; the first signs. None in the variable means unsigned."""
    given = os.environ.get("SIMULATOR_WEBHOOK_SECRETS", "")
    return tuple(secret for secret in given.split(",") if secret)


async def end_with_stdin(server: uvicorn.Server, service: GitHubService) -> None:
    """Stop when the parent closes our stdin, or is gone and the kernel does."""

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            service.hang_up()
            server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), readable)


if __name__ == "__main__":
    main()
