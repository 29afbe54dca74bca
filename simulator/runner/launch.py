"""Starts the listener from the runner's own directory, where `install` put it."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

if __name__ == "__main__":
    from simulator.runner.listener import main

    os.chdir(os.path.dirname(HERE))
    sys.exit(main())
