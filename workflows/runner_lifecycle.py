"""One job: its demand for a runner, and the runners made for it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runs_fleet.models import JobEvent, JobOutcome, JobRequest, MachineEvent, RunnerReport


@workflow.defn
class RunnerLifecycle:
    """Serve one GitHub job until GitHub has concluded it and its runners are gone."""

    @workflow.run
    async def run(self, request: JobRequest) -> JobOutcome:
        raise NotImplementedError

    @workflow.signal
    def github_event(self, event: JobEvent) -> None:
        """Note what GitHub says of this job, or of a job that took this job's runner."""

    @workflow.signal
    def report(self, report: RunnerReport) -> None:
        """Note what the agent of one of this job's runners says."""

    @workflow.signal
    def machine_event(self, event: MachineEvent) -> None:
        """Note what the cloud says of one of this job's machines."""
