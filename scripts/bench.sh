#!/usr/bin/env bash
# Runs the benchmarks on a private server. BENCH says which ones, ROUNDS and RUN_SECONDS how long,
# QUICK=1 only shows that they work, OUT is where results go instead of docs/.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# Optimised: some of the clients are the program's own.
bench=(cargo run --release --quiet --package stockroom-tests --bin bench --)

say "Building the benchmarks"
cargo build --release --package stockroom-tests --bin bench

# Interrupted, the program can't remove its server any more.
trap '"${bench[@]}" --clean-up' INT TERM
"${bench[@]}"
