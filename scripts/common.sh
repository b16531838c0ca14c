# shellcheck shell=bash
# Sourced by the other scripts: the chosen PostgreSQL, and a few words they share.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

PG="${PG:-15}"
PG_CONFIG="${PG_CONFIG:-/usr/lib/postgresql/$PG/bin/pg_config}"
export PG PG_CONFIG
unset RUST_BACKTRACE

# What cargo is told about the chosen PostgreSQL.
# shellcheck disable=SC2034
FEATURES=(--no-default-features --features "pg$PG")

say() { printf '==> %s\n' "$*"; }

fail() {
    printf '==> %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || fail "This needs root, or sudo: $*"
        sudo "$@"
    fi
}
