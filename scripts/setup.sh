#!/usr/bin/env bash
# Installs what is missing to build, test and try out Stockroom; does nothing where nothing is.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

PGRX_VERSION=0.18.1
PACKAGES=(
    "postgresql-$PG" "postgresql-server-dev-$PG"
    clang libclang-dev gcc libc6-dev pkg-config libssl-dev
)

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian's package makes a cluster named "main" and starts the clusters it finds. We want the
# programs only: for as long as apt runs, one file says no to the first and one to the second.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/stockroom-setup.conf
NO_START=/usr/sbin/policy-rc.d
added_no_start=false

forbid_clusters() {
    trap allow_clusters EXIT
    as_root mkdir -p "$(dirname "$NO_CLUSTER")"
    echo 'create_main_cluster = false' | as_root tee "$NO_CLUSTER" >/dev/null
    if [ ! -e "$NO_START" ]; then
        added_no_start=true
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$NO_START" >/dev/null
        as_root chmod 755 "$NO_START"
    fi
}

allow_clusters() {
    as_root rm -f "$NO_CLUSTER"
    if $added_no_start; then as_root rm -f "$NO_START"; fi
    trap - EXIT
}

install_packages() {
    local missing=() package
    for package in "${PACKAGES[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "Please install: ${missing[*]} (this is not Debian)"

    say "Installing Debian packages: ${missing[*]}"
    as_root apt-get update
    forbid_clusters
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}"
    allow_clusters
}

check_rust() {
    command -v cargo >/dev/null || fail "Rust is missing: see https://rustup.rs"
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || fail "Please install rustfmt and clippy for this Rust"
    say "Adding rustfmt and clippy to Rust"
    rustup component add rustfmt clippy
}

install_cargo_pgrx() {
    local found
    found=$(cargo pgrx --version 2>/dev/null || true)
    [ "$found" = "cargo-pgrx $PGRX_VERSION" ] && return
    say "Installing cargo-pgrx $PGRX_VERSION (some minutes, once; now: ${found:-none})"
    cargo install cargo-pgrx --version "$PGRX_VERSION" --locked
}

introduce_postgres_to_pgrx() {
    local config="${PGRX_HOME:-$HOME/.pgrx}/config.toml"
    grep -q "^pg$PG *=" "$config" 2>/dev/null && return
    say "Telling cargo-pgrx where PostgreSQL $PG is"
    cargo pgrx init "--pg$PG" "$PG_CONFIG"
}

install_packages
check_rust
install_cargo_pgrx
introduce_postgres_to_pgrx
say "Set up: PostgreSQL $("$PG_CONFIG" --version | cut -d' ' -f2), cargo-pgrx $PGRX_VERSION"
