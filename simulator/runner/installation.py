"""Puts the stand-in where an agent expects a runner."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ("__init__.py", "config.py", "line.py", "listener.py")


def install(directory: Path) -> Path:
    """Put the runner into a directory of its own and return its `run.sh`."""
    package = directory / "bin" / "simulator" / "runner"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE.parent / "__init__.py", package.parent / "__init__.py")
    for name in MODULES:
        shutil.copyfile(HERE / name, package / name)
    shutil.copyfile(HERE / "launch.py", directory / "bin" / "Runner.Listener")
    script = directory / "run.sh"
    shutil.copyfile(HERE / "run.sh", script)
    script.chmod(0o755)
    return script
