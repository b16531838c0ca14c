#!/usr/bin/env bash
# Runs the benchmarks on a private server. BENCH says which ones, ROUNDS and RUN_SECONDS how long,
# QUICK=1 only shows that they work, OUT is where results go instead of docs/.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# Optimised: some of the clients are the program's own.
bench=(cargo run --release --quiet --package stockroom-tests --bin bench --)

# One benchmark compares with the same library, built without the ledger's INSERT.
case " ${BENCH:-all} " in
*" all "* | *" fulfil "*)
    if [ -z "${QUICK:-}" ]; then
        say "Building the library without the ledger's INSERT (some minutes the first time)"
        cargo build --release --quiet --package stockroom --no-default-features --features "pg$PG,without-ledger" \
            --target-dir target/without-ledger
        as_root install -m 755 target/without-ledger/release/libstockroom.so \
            "$("$PG_CONFIG" --pkglibdir)/stockroom_without_ledger.so"
    fi
    ;;
esac

say "Building the benchmarks"
cargo build --release --package stockroom-tests --bin bench

# Interrupted, the program can't remove its server any more.
trap '"${bench[@]}" --clean-up' INT TERM
"${bench[@]}"
