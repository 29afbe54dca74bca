"""What an activity remembers across its tries: the details of its heartbeats."""

from collections.abc import Callable
from contextvars import copy_context

from temporalio import activity


class HeartbeatDiary:
    """The Diary of an EC2 provider, for whichever activity the calling thread is at."""

    def read(self) -> str | None:
        """Return what an earlier try has written last, "" if nothing, None at the first try."""
        info = activity.info()
        if info.attempt == 1:
            return None
        details = info.heartbeat_details
        return details[0] if details and isinstance(details[0], str) else ""

    def write(self, note: str) -> None:
        """Tell the server; it keeps the latest, and hands it to the next try."""
        activity.heartbeat(note)

    def wanted(self) -> Callable[[], bool]:
        """Tell whether the workflow has not cancelled it, and the server not given it up."""
        context = copy_context()
        return lambda: not context.run(activity.is_cancelled)
