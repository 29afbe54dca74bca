"""`python -m bench`: measures the fleet in a world of its own, and says which aims it meets."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console

from bench import costs, crash, k8s, latency, launches, pools, report, whole
from bench.figures import Result
from bench.host import OtherWork, describe
from bench.progress import Say, progress
from bench.sizes import QUICK, Sizes

PAPER = 160
SCENARIOS: dict[str, Callable[[Sizes, Say], list[Result]]] = {
    "steady": latency.steady,
    "bursts": latency.bursts,
    "launches": launches.cold_burst,
    "pools": pools.warm_pools,
    "costs": costs.normal_jobs,
    "crash": crash.killed_worker,
    "demo": whole.whole_world,
    "k8s": k8s.kubernetes,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scenarios that are named, or all; a missed aim shows in the tables."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = _parser().parse_args(argv)
    host, began = describe(), time.monotonic()
    results, others = list[Result](), dict[str, float]()
    with progress(Console(stderr=True)) as say:
        for name in asked.scenario or SCENARIOS:
            work = OtherWork()
            results += SCENARIOS[name](QUICK if asked.quick else Sizes(), say)
            others[name] = work.cores()
    took = time.monotonic() - began
    found = report.Report(host=host, seconds=took, others=others, results=results)
    _write(found, asked.form)
    return 0


def _write(found: report.Report, form: str) -> None:
    if form == "json":
        print(report.to_json(found))
    elif form == "markdown":
        print(report.markdown(found))
    else:
        on_paper = None if sys.stdout.isatty() else PAPER
        report.print_tables(found, Console(width=on_paper))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenario", nargs="*", choices=[*SCENARIOS, []], help=f"of {', '.join(SCENARIOS)}"
    )
    parser.add_argument("--quick", action="store_true", help="few jobs, to try it out")
    form = parser.add_mutually_exclusive_group()
    for name in ("json", "markdown"):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, default="")
    return parser


if __name__ == "__main__":
    sys.exit(main())
