"""Trouble on request: what the next calls of some path will meet."""

from fnmatch import fnmatchcase

from simulator.github.plans import Fault


class Faults:
    """A queue of faults; the first that matches a call is used up by it."""

    def __init__(self) -> None:
        self._queue: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Line up one fault."""
        self._queue.append((fault, fault.times))

    def clear(self) -> None:
        """Forget all faults."""
        self._queue.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """Take the fault that this call meets, if any."""
        for position, (fault, times) in enumerate(self._queue):
            if fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path):
                self._queue[position : position + 1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return None
