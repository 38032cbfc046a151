# Everything a person or a CI machine does with this tree. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help setup system demo demo-routing demo-exits bench-exits test lint type rust web web-static deny fuzz soak unit netns soak-sim soak-nat bench-routing bench-control soak-exits bench judge-api build samples lock clean

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: system $(INSTALLED) ## install all that the other verbs need: system packages (as root), .venv from requirements.lock

system:
	@.ci/system-packages

$(INSTALLED): requirements.lock setup.cfg pyproject.toml rust/Cargo.lock $(wildcard rust/crates/*/src/*.rs)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ZeroGo needs Python 3.11 or newer; choose one with make PYTHON=...")'
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the Python packages of requirements.lock"
	@$(PIP) install --require-hashes -r requirements.lock \
	    | if [ -t 1 ]; then awk '/^Collecting/ { printf "\r\033[K  %d %s", ++n, $$2; fflush() } /^Installing/ { printf "\r\033[K  unpacking"; fflush() } END { printf "\r\033[K" }'; else cat > /dev/null; fi
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## four sites behind NATs find each other on this machine (root; KEEP=1 leaves them standing, with the dashboard)
	@$(BIN)/zerogo lab run demo $(if $(KEEP),--keep --hold)

demo-routing: setup ## a hub with P2P, and A reaching C through B, as drawn and as measured (root)
	@$(BIN)/zerogo lab run hub
	@$(BIN)/zerogo lab run line

demo-exits: setup ## users, two gateways and five edges behind NATs, with curl and Chromium, on this machine (root)
	@$(BIN)/python -m integration.demo_exits

test: setup ## the whole suite: lint, types, layers, crates, dashboard, unit tests and, as root, the tests in network namespaces
	@$(BIN)/python .ci/suite.py lint type layers rust web unit netns

lint: setup ## ruff, and the layers between the rooms
	@$(BIN)/python .ci/suite.py lint layers

type: setup ## mypy --strict
	@$(BIN)/python .ci/suite.py type

rust: setup ## the crates: cargo fmt, clippy, test
	@$(BIN)/python .ci/suite.py rust

web: setup ## the dashboard: types, lints, tests, and whether web-static is what web makes
	@$(BIN)/python .ci/suite.py web

web-static: ## make the dashboard's files from web/
	@python=$(BIN)/python; test -x $$python || python=$(PYTHON); \
	    $$python .ci/node.py sh -c 'cd web && npm ci --no-audit --no-fund --silent && npm run build'

deny: ## the crates' licences and sources (needs cargo-deny)
	@cd rust && cargo deny --locked check licenses bans sources

fuzz: ## the crates' parsers, 60 s each (needs cargo-fuzz and a nightly Rust)
	@rust/fuzz/run 60

soak: setup ## ten minutes of loss, reordering, rebinding and fresh keys between two planes (root)
	@$(BIN)/python -m integration.bench.soak

unit: setup ## the tests that need neither root nor a network
	@$(BIN)/python .ci/suite.py unit

netns: setup ## the tests in network namespaces (root)
	@$(BIN)/python .ci/suite.py netns

bench-routing: setup ## failover of routes in the lab, what duplicate mode loses, what a member carries (root)
	@$(BIN)/python -m integration.bench.routing
	@$(BIN)/python -m integration.bench.carried

soak-sim: setup ## routes in 100,000 simulated networks that change (about an hour of one core)
	@seq 0 1000 99000 | xargs -P $$(nproc) -I{} $(BIN)/python -m zerogo.testing.routing_sim {} 1000

soak-nat: setup ## every kind of NAT against every other one in virtual time, 2,000 seeds each, beside the goals (about an hour of one core)
	@$(BIN)/python -m zerogo.testing.matrix --seeds 2000 --jobs 2

bench: setup ## the figures of docs/BENCHMARKS.md (root)
	@.ci/bench-packages
	@failed=; for bench in idle join reach relay "plane --json build/plane.json --plot build/plane.png"; do echo "== $$bench"; $(BIN)/python -m integration.bench.$$bench || failed=1; done; \
	echo "== NATs in virtual time"; $(BIN)/python -m zerogo.testing.matrix --seeds 200 --jobs 2 || failed=1; test -z "$$failed"

bench-control: setup ## a controller with 1,000 agents on loopback: changes, joins, REST, restart, memory; one of two killed (about five minutes)
	@failed=; $(BIN)/python -m integration.bench.control || failed=1; $(BIN)/trial integration.test_controllers || failed=1; test -z "$$failed"

bench-exits: setup ## exits beside microsocks and chisel, where they are installed; a gateway with a crowd of edges
	@.ci/bench-packages
	@$(BIN)/python -m integration.bench.exits
	@$(BIN)/python -m integration.bench.exits_crowd
	@$(BIN)/python -m integration.bench.exits_slow

soak-exits: setup ## 1 GB through 100 streams of exits while tunnels are cut and edges killed (about five minutes)
	@$(BIN)/python -m integration.exit_soak

judge-api: setup ## Schemathesis against the API of a controller on loopback, with more requests than make test has (root)
	@$(BIN)/python -m integration.judge_api 20

build: setup ## wheel and sdist into dist/
	@rm -rf dist; $(BIN)/python -m build --no-isolation --outdir dist . > build.log 2>&1 || { tail -n 30 build.log; exit 1; }
	@rm -f build.log; ls dist

samples: setup ## write etc/zerogo/*.yaml from the configuration classes
	@$(BIN)/python -m zerogo.config.sample etc/zerogo

lock: setup ## renew requirements.lock: newest versions of what setup.cfg names, with hashes
	@$(PIP) install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --upgrade --extra test --build-deps-for editable --generate-hashes --allow-unsafe \
	    --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header \
	    --output-file requirements.lock setup.cfg
	@$(MAKE) setup

clean: ## remove what the other verbs made, .venv too
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .tox _trial_temp*
	@find . -name __pycache__ -prune -exec rm -rf {} +
