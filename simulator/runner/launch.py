"""Starts the listener from the runner's own directory, where `install` put it."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

if __name__ == "__main__":
    os.chdir(os.path.dirname(HERE))
    if sys.argv[1:2] == ["configure"]:
        from simulator.runner import registration

        sys.exit(registration.main(sys.argv[2:]))
    from simulator.runner.listener import main

    sys.exit(main())
