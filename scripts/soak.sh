#!/usr/bin/env bash
# The tests of durability, of many clients at once and their races, of the models and of large moves at full length: the
# same as in scripts/test.sh, with more rounds, calls and rows.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "Crashes, kills, a million calls, floods, models and large moves (an hour or two)"
STOCKROOM_SOAK=1 cargo test --package stockroom-tests --test all -- \
    concurrency:: durability:: bookings_together:: holds_together::flood holds_together::model movements::model \
    movements::together adopt::scale copies::scale --nocapture --test-threads=1
