#!/bin/bash
# Stands in for the config.sh of actions/runner 2.336.0, unattended only.
DIR="${BASH_SOURCE[0]%/*}"
[[ -d "$DIR" ]] || DIR=.
if [[ ${STANDIN_UID:-$EUID} -eq 0 && -z "$RUNNER_ALLOW_RUNASROOT" ]]; then
    echo "Must not run with sudo"
    exit 1
fi
"${STANDIN_PYTHON:-python3}" -I -S "$DIR/bin/Runner.Listener" configure "$@"
