"""`python -m simulator.kube`: a control plane to try things on, until it is interrupted."""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from simulator.kube import building, sharing
from simulator.kube.controlplane import ControlPlane


def main() -> int:
    """Build, keep a shared one, or run one and tell its kubeconfig."""
    parser = argparse.ArgumentParser(prog="python -m simulator.kube", description=__doc__)
    parser.add_argument("--build", action="store_true", help="only build the binary")
    parser.add_argument("--share", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    try:
        binary = building.binary()
    except building.NotBuilt as error:
        building.say(str(error))
        return 1
    if asked.share:
        return sharing.keep(asked.share)
    sys.stdout.write(f"{binary}\n")
    return 0 if asked.build else run()


def run() -> int:
    """Run until SIGINT or SIGTERM."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with tempfile.TemporaryDirectory(prefix="runs-fleet-kube-") as home:
        with ControlPlane(Path(home)) as plane:
            sys.stdout.write(f"KUBECONFIG={plane.kubeconfig}\n")
            sys.stdout.flush()
            over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
