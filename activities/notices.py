"""Tells people at GitHub why their job gets no runner."""

from temporalio import activity

from activities.verdicts import verdicts
from runs_fleet.notices import Notice, Told
from runs_fleet.ports import Notices


class NoticeActivities:
    """Holds the port to where people look; decides nothing."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    @activity.defn
    def tell(self, notice: Notice) -> Told:
        """Show a notice, or find that an earlier try has shown it."""
        with verdicts():
            return Told(by=self._notices.post(notice))
