#!/usr/bin/env bash
# Compiles the extension.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "Building the extension for PostgreSQL $PG (some minutes the first time)"
PGRX_PG_CONFIG_PATH="$PG_CONFIG" cargo build --release --package stockroom "${FEATURES[@]}"
