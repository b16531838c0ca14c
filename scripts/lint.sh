#!/usr/bin/env bash
# Checks the format of the code and what clippy says to it.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "Checking the format"
cargo fmt --all --check
say "Running clippy"
cargo clippy --workspace --all-targets "${FEATURES[@]}" -- --deny warnings
