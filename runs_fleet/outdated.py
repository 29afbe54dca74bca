"""Whether the runner in the image is too old for GitHub: pure, from a lifecycle's ledger."""

from runs_fleet.ledger import Ledger

OUTDATED, OUTDATED_MOST = "outdated", 3
OUTDATED_REASON = (
    f"GitHub no longer serves the version of the runner on {OUTDATED_MOST} machines in a row: "
    "update the runner in the image"
)


def outdated(ledger: Ledger) -> bool:
    """Whether one runner after the other was of a version that GitHub does not serve any more.

    https://docs.github.com/en/actions/reference/runners/self-hosted-runners#runner-software-updates-on-self-hosted-runners
    """
    last = [runner.cause for runner in ledger.runners[-OUTDATED_MOST:]]
    return last == [OUTDATED] * OUTDATED_MOST
