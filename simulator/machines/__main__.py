"""`python -m simulator.machines MODULE...`: preload modules, then fork machines on command."""

import os
import signal
import sys

from simulator.machines import init, preload
from simulator.machines.forkserver import ForkServer


def main() -> None:
    """Serve on stdin and stdout until stdin ends; a forked agent leaves by its own main."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, events = os.dup(0), os.dup(1)
    preload.load(sys.argv[1:])
    os.write(events, b"ready\n")
    boot = ForkServer(commands=commands, events=events).serve()
    if boot is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        init.run(boot)


if __name__ == "__main__":
    main()
