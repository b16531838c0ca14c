#!/usr/bin/env bash
# Everything CI runs, in order; stops at the first failure, and sums up either way.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

log=$(mktemp)
summary=()

sum_up() {
    local status=$?
    printf '\n==> Summary (PostgreSQL %s)\n' "$PG"
    [ ${#summary[@]} -eq 0 ] || printf '    %s\n' "${summary[@]}"
    awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "    tests: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$log"
    rm -f "$log"
    if [ $status -eq 0 ]; then
        echo "==> All good"
    else
        echo "==> FAILED (the last step above)"
    fi
}
trap sum_up EXIT

# step NAME COMMAND...: runs it, shows its output and notes how long it took.
step() {
    local name=$1 started=$SECONDS status=0
    shift
    "$@" 2>&1 | tee -a "$log" || status=$?
    if [ $status -eq 0 ]; then
        summary+=("$(printf 'ok      %4d s  %s' $((SECONDS - started)) "$name")")
    else
        summary+=("$(printf 'FAILED  %4d s  %s' $((SECONDS - started)) "$name")")
        exit "$status"
    fi
}

step "set-up" scripts/setup.sh
step "format and clippy" scripts/lint.sh
say "Testing the core"
step "core tests" cargo test --package stockroom-core
step "build and install" scripts/install.sh
say "Testing against PostgreSQL $PG"
step "server tests" cargo test --package stockroom-tests
