#!/usr/bin/env bash
# The tests of durability, of many clients at once and of the model at full length: the same as in
# scripts/test.sh, with more rounds and calls.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "Crashes, kills, a million calls, floods of holds and the model (three quarters of an hour)"
STOCKROOM_SOAK=1 cargo test --package stockroom-tests --test all -- \
    durability:: holds_together::flood holds_together::model --nocapture --test-threads=1
