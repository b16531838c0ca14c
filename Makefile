# Stockroom: set up, build, try out and test it. `make help` lists what there is.

# The PostgreSQL to build for and run on.
PG ?= 15
PG_CONFIG ?= /usr/lib/postgresql/$(PG)/bin/pg_config

# What `make demo` replays: how many orders (or `all`), over how many connections.
ORDERS ?= 20000
CONNECTIONS ?= 8

# What `make bench` runs (names, or nothing for all), how often and how long each; QUICK=1 only shows that
# it works, OUT is where results go instead of docs/.
BENCH ?=
ROUNDS ?=
RUN_SECONDS ?=
QUICK ?=
OUT ?=

export PG PG_CONFIG ORDERS CONNECTIONS BENCH ROUNDS RUN_SECONDS QUICK OUT
# With a backtrace in the server's environment, every error's DETAIL would carry one.
unexport RUST_BACKTRACE

.DEFAULT_GOAL := help
.PHONY: help setup build install demo bench test soak lint fmt clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian packages, the pinned cargo-pgrx
	@scripts/setup.sh

build: setup ## compile the extension (release)
	@scripts/build.sh

install: setup ## compile the extension and install it into PostgreSQL
	@scripts/install.sh

demo: install ## replay real orders on a private server and show what happened
	@scripts/demo.sh

soak: install ## crash the server again and again under load, and call a million times
	@scripts/soak.sh

bench: install ## measure against other ways to do it; BENCH=hot for one
	@scripts/bench.sh

test: ## everything CI runs: set-up, lint, all tests, a summary
	@scripts/test.sh

lint: setup ## check format and run clippy
	@scripts/lint.sh

fmt: ## format the code
	@cargo fmt --all

clean: ## remove what was built here (the installed extension stays)
	@cargo clean
