#!/usr/bin/env bash
# Compiles the extension and copies it to where PostgreSQL looks for extensions.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

sudo_if_needed=()
[ "$(id -u)" -eq 0 ] || sudo_if_needed=(--sudo)

say "Building and installing the extension into PostgreSQL $PG (some minutes the first time)"
cargo pgrx install --release --package stockroom --pg-config "$PG_CONFIG" \
    "${FEATURES[@]}" "${sudo_if_needed[@]}"
