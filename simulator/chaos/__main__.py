"""`python -m simulator.chaos`: seeds of chaos, one world after another, and what they prove."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runs_fleet.models import Mode
from simulator.chaos import report, schedule, timeline, trial
from simulator.chaos.evidence import Evidence
from simulator.chaos.invariants import Broken, broken

TERMINATED = 143
MOST_TOLD = 3
MARKS: dict[Mode, str] = {"ec2": "chaos", "k8s": "chaos-k8s"}
POOLS = "-pools"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the seeds; the exit status is 0 only if every promise was kept in all of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    asked = _parser().parse_args(argv)
    rows, mark = list[report.Row](), MARKS[asked.mode] + (POOLS if asked.pools else "")
    for seed in asked.seeds:
        rows.append(_seed(schedule.plan(seed, asked.jobs, asked.mode, pools=asked.pools)))
        if asked.markdown:
            # After each seed: a run of an hour that is broken off has not been for nothing.
            write_table(asked.markdown, report.markdown(report.summary(rows)), mark=mark)
        if not rows[-1].clean and not asked.keep_going:
            break
    found = report.summary(rows)
    sys.stdout.write(found.model_dump_json(indent=2) if asked.json else report.markdown(found))
    sys.stdout.write("\n")
    return 0 if found.clean else 1


def _seed(planned: schedule.Schedule) -> report.Row:
    """Run one seed; the logs of a broken one are kept, and its story is told."""
    seed, began = planned.seed, time.monotonic()
    home = Path(tempfile.mkdtemp(prefix=f"runs-fleet-chaos-{seed}-"))

    def say(words: str) -> None:
        sys.stderr.write(f"seed {seed}  {time.monotonic() - began:4.0f} s  {words}\n")

    evidence = trial.run(planned, home=home, say=say)
    found = broken(evidence)
    row = report.row(evidence, found)
    faults = sum(row.faults.values())
    say(f"{row.jobs} jobs, {faults} faults, {len(found)} promises broken, {row.seconds:.0f} s")
    if found:
        (home / "evidence.json").write_text(evidence.model_dump_json(indent=1))
        sys.stderr.write("\n".join(_story(evidence, found, planned, home)) + "\n")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return row


def _story(
    evidence: Evidence, found: list[Broken], planned: schedule.Schedule, home: Path
) -> Iterator[str]:
    for one in found:
        yield f"  {one.breach}: {one.words}"
    for job_id in list(dict.fromkeys(one.job_id for one in found))[:MOST_TOLD]:
        yield f"\nThe faults, and job {job_id}:" if job_id else "\nThe faults:"
        yield from timeline.tell(evidence, job_id)
    pools = " --pools" if planned.pools else ""
    again = f"--mode {evidence.mode} --seeds {evidence.seed} --jobs {planned.jobs}{pools}"
    yield f"\nAgain: python -m simulator.chaos {again}"
    yield f"Logs, histories and evidence: {home}"


def write_table(path: Path, table: str, *, mark: str = "chaos") -> None:
    """Put the table between its marks in a document."""
    opening, closing = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
    before, begin, rest = path.read_text().partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise SystemExit(f"{path} has no {opening.strip()} and {closing}")
    path.write_text(f"{before}{opening}{table}{closing}{after}")


def _seeds(text: str) -> range:
    """Read `7` or `1-20`."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.chaos", description=__doc__)
    add: Callable[..., object] = parser.add_argument
    add("--mode", choices=sorted(MARKS), default="ec2", help="ec2 (the default) or k8s")
    add("--seeds", type=_seeds, default=range(1, 21), help="such as 7 or 1-20 (the default)")
    add("--pools", action="store_true", help="with warm pools, and what goes wrong with them")
    add("--jobs", type=int, default=100, help="how many for each seed; 100 by default")
    add("--keep-going", action="store_true", help="do not stop at the first broken seed")
    add("--json", action="store_true", help="one JSON object instead of tables")
    add("--markdown", type=Path, metavar="FILE", help="put the tables into docs/reliability.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
