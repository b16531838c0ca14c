#!/usr/bin/env bash
# Replays real orders on a private server. ORDERS and CONNECTIONS say how many.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

demo=(cargo run --quiet --package stockroom-tests --bin demo --)

say "Building the demo"
cargo build --package stockroom-tests --bin demo

# Interrupted, the program can't remove its server any more.
trap '"${demo[@]}" --clean-up' INT TERM
"${demo[@]}"
