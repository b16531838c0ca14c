#!/usr/bin/env bash
# The tests of durability at full length: the same as in scripts/test.sh, with more rounds and calls.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "Crashes, kills and a million calls (half an hour)"
STOCKROOM_SOAK=1 cargo test --package stockroom-tests --test all -- \
    durability:: --nocapture --test-threads=1
