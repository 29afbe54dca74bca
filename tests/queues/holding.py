"""A process that reads one message, says so, and never acknowledges it."""

import sys
import time

from runs_fleet.queues.valkey import StreamInbox, connect
from runs_fleet.queues.valkey_fifo import FifoInbox


def main(url: str, stream: str, kind: str) -> None:
    client = connect(url)
    make: type[StreamInbox] | type[FifoInbox] = FifoInbox if kind == "fifo" else StreamInbox
    inbox = make(client, stream, consumer="held")
    while not (messages := inbox.read()):
        pass
    sys.stdout.write(f"{messages[0].body}\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
