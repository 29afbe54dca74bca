"""`python -m tests.model [WORLDS [FIRST]]`: try 100,000 interleavings, on every processor."""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.model.trials import failures

CHUNK = 500


def main(numbers: Sequence[int]) -> int:
    """Run worlds, tell of the broken ones, and say how long it took."""
    count, first = [*numbers, *(100_000, 0)[len(numbers) :]]
    began, broken = time.monotonic(), 0
    chunks = [
        range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for timelines in processes.map(tried, chunks):
            broken += len(timelines)
            sys.stdout.writelines(f"{timeline}\n" for timeline in timelines)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{count} worlds in {took:.0f} s, {count / took:.0f} a second, {broken} broken\n"
    )
    return min(broken, 1)


def tried(seeds: range) -> list[str]:
    """Run one chunk, in a process of its own."""
    return list(failures(seeds))


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]]))
