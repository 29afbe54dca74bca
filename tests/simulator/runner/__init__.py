"""The stand-in for run.sh, tried as real processes."""
