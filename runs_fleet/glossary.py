"""What the short words of a job's page mean; docs/operations.md has a row for each."""

STATES = {
    "placing": "looking for a machine",
    "waiting": "no capacity, or the last runner was of no use: the next try is timed",
    "booting": "a machine was made for it and boots, or its runner waits for the job",
    "running": "GitHub says that it runs",
    "completed": "GitHub has concluded it",
    "cancelled": "cancelled at GitHub before it ran",
    "refused": "its label cannot be honoured",
    "gave_up": "no runner could be made for it",
    "timed_out": "it ran longer than a runner may",
    "released": "an operator ended it",
    "vanished": "GitHub does not know it any more",
}
CAUSES = {
    "job_done": "its job is done",
    "taken": "GitHub gave it another job",
    "not_needed": "the job got another runner first",
    "boot_timeout": "its agent was not heard of in time",
    "no_pickup": "it listened, and no job came",
    "no_job": "it ended without having had a job",
    "idle": "its agent ended it, because no job came",
    "lingered": "it did not end by itself after its job",
    "max_runtime": "it ran as long as a runner may",
    "interrupted": "its machine was taken away",
    "stopping": "its machine was stopped",
    "stopped": "its machine was stopped",
    "shutting-down": "its machine was terminated",
    "terminated": "its machine was terminated",
    "gone": "its machine is gone",
    "not_created": "no answer came to the order for its machine",
    "not_taken": "the pool's machine could not be had",
    "not_registered": "GitHub did not register it",
    "registration_lost": "GitHub dropped its registration",
    "conflict": "another runner has its registration",
    "outdated": "GitHub does not serve this version of the runner any more",
    "broken": "it could not be started, or broke",
    "refused": "the order for it was refused: configuration, permission or quota",
    "released": "an operator ended it",
    "gave_up": "no runner could be made for the job",
    "timed_out": "the job ran longer than a runner may",
    "vanished": "GitHub does not know the job any more",
}


def cause(word: str) -> str:
    """Spell out a cause; a provider's own code (`Server.Spot...`) speaks for itself."""
    words = CAUSES.get(word)
    return f"{words} (`{word}`)" if words else f"`{word}`"
