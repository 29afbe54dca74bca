"""Puts the stand-in where an agent expects a runner."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("run.sh", "config.sh")
MODULES = ("__init__.py", "config.py", "line.py", "listener.py", "registration.py")


def install(directory: Path) -> Path:
    """Put the runner into a directory of its own and return its `run.sh`."""
    package = directory / "bin" / "simulator" / "runner"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE.parent / "__init__.py", package.parent / "__init__.py")
    for name in MODULES:
        shutil.copyfile(HERE / name, package / name)
    shutil.copyfile(HERE / "launch.py", directory / "bin" / "Runner.Listener")
    for name in SCRIPTS:
        shutil.copyfile(HERE / name, directory / name)
        (directory / name).chmod(0o755)
    return directory / SCRIPTS[0]
