"""The model finds mistakes: each of these, within a few hundred worlds."""

import pytest

from tests.model.mutants import Mistake, made

WORLDS = 600
DECISIONS, JUDGING, DEADLINES, ANSWERS = (
    f"runs_fleet.{name}" for name in ("decisions", "judging", "deadlines", "answers")
)
RUNNER, LENDING, RERUNS, CLAIMING = (
    f"runs_fleet.{name}" for name in ("runner", "lending", "reruns", "claiming")
)

MISTAKES = {
    "a member that comes too late is kept": Mistake(
        CLAIMING, "if dealings.strays:", "if not dealings:"
    ),
    "a member that is not needed any more is kept": Mistake(
        CLAIMING, "needless = ledger.done or", "needless = False and"
    ),
    "a pool is not told that a job is over": Mistake(
        CLAIMING, "if final and not dealings.parted:", "if final and dealings.parted:"
    ),
    "even a busy runner is forced away": Mistake(
        JUDGING, "return commanded(ledger, runner) or overrun(ledger, runner, now)", "return True"
    ),
    "a runner that GitHub calls busy counts as gone": Mistake(
        ANSWERS, "if answer.busy or unsure:", "if unsure:"
    ),
    "a registration is taken for gone with its job": Mistake(
        RUNNER, "return self.deregistered and self.ended in RESULTS", "return self.spent"
    ),
    "a second machine is ordered for one runner": Mistake(
        DECISIONS, "(active.machine is not None or active.registering)", "False"
    ),
    "a create without an answer counts as none": Mistake(
        ANSWERS, "runner.doubtful = answer.kind not in NEVER_MADE", "runner.doubtful = False"
    ),
    "a finished job's runner is kept": Mistake(
        JUDGING,
        'return runner.lost if lost_with_job(ledger, runner) else "job_done"',
        'return ""',
    ),
    "a stolen runner is still counted on": Mistake(
        JUDGING,
        "return runner.serving is not None and runner.serving != ledger.request.job_id",
        "return False",
    ),
    "a machine that never gets ready is waited for": Mistake(
        DEADLINES,
        "return runner.created_at + policy.boot_timeout",
        "return runner.ordered_at + FAR",
    ),
    "GitHub is never asked": Mistake(DECISIONS, "if ask_at(ledger) <= now:", "if False:"),
    "a lost job is not run again": Mistake(RERUNS, "(known or traced or", "(traced or"),
    "a failed job is run again though its machine was kept": Mistake(
        RERUNS, "traced = ledger.trace == TAKEN and", "traced = bool(ledger.trace) and"
    ),
    "a job is run again for ever": Mistake(
        RERUNS, "return wanted and not ledger.rerun and", "return wanted and"
    ),
    "the next machine is ordered at once, again and again": Mistake(
        DEADLINES, "return ended + min(pause, policy.retry_most)", "return ended"
    ),
    "a job is given up that has a runner": Mistake(
        DECISIONS,
        'if ledger.demand.phase == "queued" and now >= give_up_at(ledger):',
        "if ledger.orders > 2:",
    ),
    "a mint that is out is not waited for": Mistake(
        "workflows.orders",
        "registered=runner.registering",
        "registered=runner.runner_id is not None",
    ),
    "a borrowed runner is hoped for without end": Mistake(
        LENDING, "any(at > now for at in _moments(ledger))", "bool(_moments(ledger))"
    ),
    "a runner once lent is never let go": Mistake(
        LENDING, "loans.lent.pop(runner, None)\n        loans.borrowed", "loans.borrowed"
    ),
}


# One line of each module that has mistakes: planted as it is, it must not be found.
HARMLESS = {each.module: each._replace(wrong=each.right) for each in MISTAKES.values()}


@pytest.mark.parametrize("harmless", HARMLESS.values(), ids=HARMLESS)
def test_the_model_holds_without_a_mistake(harmless: Mistake) -> None:
    with made(harmless) as trials:
        assert list(trials.failures(range(WORLDS))) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found(mistake: Mistake) -> None:
    with made(mistake) as trials:
        assert next(trials.failures(range(WORLDS)), "") != ""
