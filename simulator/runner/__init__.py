"""A stand-in for actions/runner: prints, exits and obeys signals as `run.sh` does."""
