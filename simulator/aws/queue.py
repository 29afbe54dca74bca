"""One SQS queue, standard or FIFO: moto's takes time in proportion to the square of its length.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import bisect
import heapq
import itertools
import time
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

REPEATS_WITHIN = 300.0
MOST_REPEATS = 50_000
SEQUENCE_START = 18_850_000_000_000_000_000


@dataclass(eq=False)
class Message:
    """One message; `handle` is that of its latest receive."""

    body: str
    group: str = ""
    dedup: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    number: int = 0
    sent: float = field(default_factory=time.time)
    first_received: float = 0.0
    receives: int = 0
    handle: str = ""
    hidden_until: float = 0.0
    gone: bool = False

    def __lt__(self, other: "Message") -> bool:
        return self.number < other.number


class Queue:
    """Messages that wait, and messages in flight; thread safe, and long polls do not spin."""

    def __init__(self, *, fifo: bool) -> None:
        self.fifo = fifo
        self.visibility = 30.0
        self.wait = 0.0
        self.most_receives: int | None = None
        self.dead_letters: Callable[[], Queue | None] = lambda: None
        self._changed = Condition()
        self._numbers = itertools.count(SEQUENCE_START)
        self._lines: defaultdict[str, deque[Message]] = defaultdict(deque)
        self._ready: deque[str] = deque()
        self._hidden: list[tuple[float, Message]] = []
        self._handles: dict[str, Message] = {}
        self._in_flight: Counter[str] = Counter()
        self._repeats: OrderedDict[str, tuple[float, Message]] = OrderedDict()

    def send(self, message: Message) -> Message:
        """Take a message; a repeat gives the first one back."""
        with self._changed:
            first = self._repeated(message)
            if first is not None:
                return first
            message.number = next(self._numbers)
            if message.delay > 0:
                self._hide(message, message.delay)
            else:
                self._line_up(message)
            self._changed.notify_all()
            return message

    def receive(self, *, most: int, wait: float, visibility: float) -> list[Message]:
        """Give out up to `most` messages, waiting for the first one."""
        deadline = time.monotonic() + wait
        with self._changed:
            while not (taken := self._take(most, visibility)):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, self._next_return()))
            return taken

    def delete(self, handle: str) -> None:
        """Remove a message by the handle of its latest receive; an older handle does nothing."""
        with self._changed:
            message = self._handles.pop(handle, None)
            if message is not None:
                message.gone = True
                self._land(message)

    def change_visibility(self, handle: str, seconds: float) -> bool:
        """Hide a message in flight for so long from now."""
        with self._changed:
            message = self._handles.get(handle)
            if message is None or not message.hidden_until:
                return False
            self._hide(message, seconds)
            self._changed.notify_all()
            return True

    def purge(self) -> None:
        """Remove every message."""
        with self._changed:
            for container in (self._lines, self._ready, self._hidden, self._handles):
                container.clear()
            self._in_flight.clear()

    def depth(self) -> tuple[int, int]:
        """Count visible messages and those in flight."""
        with self._changed:
            self._return_hidden()
            visible = sum(not m.gone for line in self._lines.values() for m in line)
            return visible, sum(self._in_flight.values())

    def _repeated(self, message: Message) -> Message | None:
        if not message.dedup:
            return None
        now = time.monotonic()
        at, first = self._repeats.get(message.dedup, (0.0, message))
        if first is not message and now - at < REPEATS_WITHIN:
            return first
        self._repeats[message.dedup] = (now, message)
        if len(self._repeats) > MOST_REPEATS:
            self._repeats.popitem(last=False)
        return None

    def _line_up(self, message: Message) -> None:
        line = self._lines[message.group]
        if line and message < line[-1]:
            bisect.insort(line, message)
        else:
            line.append(message)
        self._open(message.group)

    def _open(self, group: str) -> None:
        blocked = self.fifo and self._in_flight[group] > 0
        if not blocked and self._lines.get(group) and group not in self._ready:
            self._ready.append(group)

    def _take(self, most: int, visibility: float) -> list[Message]:
        self._return_hidden()
        taken: list[Message] = []
        while self._ready and len(taken) < most:
            group = self._ready.popleft()
            line = self._lines[group]
            while line and len(taken) < most:
                message = line.popleft()
                if not message.gone and not self._buried(message):
                    taken.append(self._give(message, visibility))
            if not line:
                del self._lines[group]
            self._open(group)
        return taken

    def _give(self, message: Message, visibility: float) -> Message:
        message.receives += 1
        message.first_received = message.first_received or time.time()
        self._handles.pop(message.handle, None)
        message.handle = uuid.uuid4().hex
        self._handles[message.handle] = message
        self._in_flight[message.group] += 1
        self._hide(message, visibility)
        return message

    def _buried(self, message: Message) -> bool:
        grave = self.dead_letters()
        if grave is None or self.most_receives is None or message.receives < self.most_receives:
            return False
        grave.send(Message(message.body, message.group, attributes=message.attributes))
        return True

    def _hide(self, message: Message, seconds: float) -> None:
        message.hidden_until = time.monotonic() + seconds
        heapq.heappush(self._hidden, (message.hidden_until, message))

    def _return_hidden(self) -> None:
        now = time.monotonic()
        while self._hidden and self._hidden[0][0] <= now:
            until, message = heapq.heappop(self._hidden)
            if message.gone or message.hidden_until != until:
                continue
            self._land(message)
            self._line_up(message)

    def _land(self, message: Message) -> None:
        if message.hidden_until and message.handle:
            self._in_flight[message.group] -= 1
            if self._in_flight[message.group] <= 0:
                del self._in_flight[message.group]
        message.hidden_until = 0.0
        self._open(message.group)
        self._changed.notify_all()

    def _next_return(self) -> float:
        return max(self._hidden[0][0] - time.monotonic(), 0.001) if self._hidden else 3600.0
