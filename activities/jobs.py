"""Asks GitHub about jobs, and to run one again."""

from temporalio import activity

from activities.verdicts import verdicts
from runs_fleet.models import JobEvent, JobLookup
from runs_fleet.ports import GitHub


class JobActivities:
    """Holds the port to GitHub; decides nothing."""

    def __init__(self, github: GitHub) -> None:
        self._github = github

    @activity.defn
    def look_up_job(self, job: JobLookup) -> JobEvent:
        """Ask what became of a job."""
        with verdicts():
            return self._github.job(job.scope, job.job_id)

    @activity.defn
    def rerun_job(self, job: JobLookup) -> None:
        """Run a concluded job once more; GitHub makes a new job of it, and only one."""
        with verdicts():
            asked = activity.info().attempt > 1
            self._github.rerun_job(job.scope, job.job_id, asked=asked)
