"""A queue on a Valkey Stream that keeps each group's order, tells repeats and loses nothing.

As in an SQS FIFO queue, a group's next message waits until its last one is acknowledged, however
many read. Readers do not follow the cursor of the consumer group, which knows no groups of
messages: a script looks at the oldest entries and claims those whose group nobody works on.
"""

from collections.abc import Sequence
from typing import Any

import redis

from runs_fleet.errors import Unavailable
from runs_fleet.ports import Letter, Message
from runs_fleet.queues.valkey import UPKEEP_EVERY, WAIT, Every
from runs_fleet.queues.valkey_client import translated
from runs_fleet.queues.valkey_group import (
    MOST_DEAD_LETTERS,
    USUAL,
    ConsumerGroup,
    Redelivery,
    message,
)

BATCH = 50
# How many of the oldest entries a reader looks at; those that others work on are among them.
WINDOW = 500
MOST_ENTRIES = 50_000
REPEATS_WITHIN = 300
# How long to wait for a group that somebody works on.
PAUSE = 0.2

TAKE = """
local stream, dead, group, consumer = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local batch, window, stale = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local most_receives, most_dead = tonumber(ARGV[6]), ARGV[7]

local function group_of(id, fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'group' and fields[i + 1] ~= '' then return fields[i + 1] end
  end
  return id
end

local function bury(id, fields, receives)
  for _, each in ipairs({'id', id, 'receives', receives}) do table.insert(fields, each) end
  redis.call('XADD', dead, 'MAXLEN', '~', most_dead, '*', unpack(fields))
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end

local entries = redis.call('XRANGE', stream, '-', '+', 'COUNT', window)
if #entries == 0 then return {{}, '0-0'} end
local last, pending, busy, taken = entries[#entries][1], {}, {}, {}
for _, each in ipairs(redis.call('XPENDING', stream, group, entries[1][1], last, window)) do
  pending[each[1]] = {idle = each[3], receives = each[4]}
end
for _, entry in ipairs(entries) do
  local id, fields = entry[1], entry[2]
  local mine, held = group_of(id, fields), pending[id]
  local receives = held and held.receives + 1 or 1
  if #taken == batch then break end
  if busy[mine] or (held and held.idle < stale) then
    busy[mine] = true
  elseif receives > most_receives then
    bury(id, fields, receives - 1)
  else
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'RETRYCOUNT', receives, 'FORCE', 'JUSTID')
    table.insert(taken, {id, receives, fields})
  end
end
return {taken, last}
"""

SEND = """
local most, life, taken = tonumber(ARGV[1]), ARGV[2], {}
local length = redis.call('XLEN', KEYS[1])
for i = 2, #KEYS do
  local first = 3 * i - 3
  if redis.call('EXISTS', KEYS[i]) == 1 then
    table.insert(taken, 1)
  elseif length >= most then
    table.insert(taken, 0)
  else
    redis.call('XADD', KEYS[1], '*',
      'body', ARGV[first], 'group', ARGV[first + 1], 'key', ARGV[first + 2])
    redis.call('SET', KEYS[i], 1, 'EX', life)
    length = length + 1
    table.insert(taken, 1)
  end
end
return taken
"""


class FifoInbox:
    """Reads up to fifty messages at a time, those of one group in their order.

    `consumer` names this process; `wait` is how many seconds a read waits, less than the client's
    timeout. What is not acknowledged comes again, here or elsewhere, before the rest of its group.
    """

    def __init__(
        self,
        client: redis.Redis,
        stream: str,
        *,
        consumer: str,
        wait: float = WAIT,
        redelivery: Redelivery = USUAL,
    ) -> None:
        self._client, self._stream, self._consumer = client, stream, consumer
        self._group = ConsumerGroup(client, stream)
        self._wait, self._redelivery = wait, redelivery
        self._upkeeps = Every(UPKEEP_EVERY)
        self._script = client.register_script(TAKE)

    def read(self) -> list[Message]:
        """Wait for messages. Raises FleetError."""
        return self._group.call("read", self._read)

    def ack(self, handles: Sequence[str]) -> None:
        """Remove handled messages; already removed is a success. Raises FleetError."""
        self._group.ack(handles)

    def _read(self) -> list[Message]:
        if self._upkeeps.due():
            self._group.forget_dead_consumers()
        taken, last = self._take()
        if not taken and self._wait and self._changed_after(last):
            taken, _ = self._take()
        return taken

    def _take(self) -> tuple[list[Message], str]:
        """Claim what may be claimed; also tells the last entry that was looked at."""
        again = self._redelivery
        answer: Any = self._script(
            keys=[self._stream, self._group.dead_letters],
            args=[
                self._group.name, self._consumer, BATCH, WINDOW,
                round(again.after * 1000), again.most, MOST_DEAD_LETTERS,
            ],
        )  # fmt: skip
        taken, last = answer
        return [_message(*each) for each in taken], last

    def _changed_after(self, last: str) -> bool:
        """Wait for a newer entry, or a moment for those who work on the older ones."""
        some_are_held = last != "0-0"
        wait = min(PAUSE, self._wait) if some_are_held else self._wait
        newer = self._client.xread({self._stream: last}, count=1, block=round(wait * 1000) or 1)
        return some_are_held or bool(newer)


class FifoOutbox:
    """Appends to the stream, which holds `most` entries and then refuses more.

    A message with the key of one of the last five minutes is one that is there already.
    """

    def __init__(self, client: redis.Redis, stream: str, *, most: int = MOST_ENTRIES) -> None:
        self._client, self._stream, self._most = client, stream, most
        self._script = client.register_script(SEND)

    def send(self, body: str, *, group: str, key: str) -> None:
        """Send one message. Raises FleetError."""
        self.send_batch([Letter(body, group=group, key=key)])

    def send_batch(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send messages at once, and return those that found no room. Raises FleetError."""
        repeats = [f"{self._stream}:sent:{letter.key}" for letter in letters]
        content = [text for each in letters for text in (each.body, each.group, each.key)]
        with translated(f"send to {self._stream}"):
            taken: Any = self._script(
                keys=[self._stream, *repeats], args=[self._most, REPEATS_WITHIN, *content]
            )
        if letters and not any(taken):
            raise Unavailable(f"send to {self._stream}: it is full, with {self._most} messages")
        return [letter for letter, there in zip(letters, taken, strict=True) if not there]

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


def _message(entry_id: str, receives: int, fields: Sequence[str]) -> Message:
    pairs = dict(zip(fields[::2], fields[1::2], strict=True))
    return message(entry_id, pairs, receives=receives)
