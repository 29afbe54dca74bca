#!/bin/bash
# Stands in for the run.sh and run-helper.sh of actions/runner 2.336.0: same console, same exit
# codes, same signals. The listener beside it is a Python script instead of Runner.Listener.
DIR="${BASH_SOURCE[0]%/*}"
[[ -d "$DIR" ]] || DIR=.

pause() {
    sleep "${STANDIN_RESTART_SECONDS:-$1}"
}

helper() {
    if [[ ${STANDIN_UID:-$EUID} -eq 0 && -z "$RUNNER_ALLOW_RUNASROOT" ]]; then
        echo "Must not run interactively with sudo"
        return 1
    fi
    "${STANDIN_PYTHON:-python3}" -I -S "$DIR/bin/Runner.Listener" run "$@"
    local code=$?
    case $code in
        0) echo "Runner listener exit with 0 return code, stop the service, no retry needed." ;;
        1) echo "Runner listener exit with terminated error, stop the service, no retry needed." ;;
        2)
            echo "Runner listener exit with retryable error, re-launch runner in 5 seconds."
            pause 5
            return 2
            ;;
        3 | 4)
            echo "Runner listener exit because of updating, re-launch runner after successful update"
            pause 1
            return 2
            ;;
        5) echo "Runner listener exit with Session Conflict error, stop the service, no retry needed." ;;
        7)
            if [[ "$ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE" == 1 ]]; then
                echo "Runner listener exit with deprecated version exit code: $code."
                return 7
            fi
            echo "Exiting with unknown error code: $code"
            ;;
        *) echo "Exiting with unknown error code: $code" ;;
    esac
    return 0
}

# Without RUNNER_MANUALLY_TRAP_SIG a SIGTERM ends this script alone: the listener goes on, orphaned.
plainly() {
    while :; do
        (helper "$@")
        local code=$?
        [[ $code -eq 2 ]] || break
        echo "Restarting runner..."
    done
    echo "Exiting runner..."
    [[ $code -eq 7 ]] && exit 7
    exit 0
}

# With it, the helper and the listener are a process group of their own (set -m), as in the real
# script: killing the group of run.sh does not reach them.
trapping() {
    set -m
    local signalled=0
    trap 'signalled=130; kill -INT -- "-$PID" 2>/dev/null' INT
    trap 'signalled=143; kill -INT -- "-$PID" 2>/dev/null' TERM
    while :; do
        helper "$@" &
        PID=$!
        wait "$PID"
        local code=$?
        while kill -0 "$PID" 2>/dev/null; do
            wait "$PID"
        done
        [[ $code -eq 2 && $signalled -eq 0 ]] || break
        echo "Restarting runner..."
    done
    echo "Exiting runner..."
    [[ $signalled -ne 0 ]] && exit "$signalled"
    exit "$code"
}

if [[ -z "$RUNNER_MANUALLY_TRAP_SIG" ]]; then
    plainly "$@"
else
    trapping "$@"
fi
