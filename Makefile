# Every task that a person or CI runs. `make` lists them.
#
# All targets set up what they need: the tools live in .venv, pinned by hash in
# requirements/dev.txt, and are installed once (see `setup`).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# The Python that makes .venv; 3.11 or newer.
PYTHON ?= python3
# Options for pytest: make test ARGS="-k reveal -x"
ARGS ?=
# Processes that run tests: a number, or "auto" for one per core, at most MAX_WORKERS.
WORKERS ?= auto
MAX_WORKERS ?= 4
# What `make buf-breaking` compares the contract with: a branch, tag or commit.
AGAINST ?= main
# What `make sim` runs: so many SEEDS in so many JOBS side by side, or one SEED with its trace.
SEED ?=
SEEDS ?= 1000
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
DISTRIBUTIONS := generated model client server simulator
SOURCES := generated/src model/src client/src server/src simulator/src $(wildcard */hatch_build.py) tests tools $(wildcard examples benchmarks)

##@ To begin with

.PHONY: help
help: ## List these targets
	@awk 'BEGIN { FS = ":.*## "; print "usage: make TARGET" } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv with everything pinned; other targets do it by themselves
	@echo "$(VENV) is ready"

.PHONY: run
run: $(READY) ## Serve games on this machine until Ctrl-C
	@$(BIN)/planning-poker serve

.PHONY: demo
demo: $(READY) ## Watch five players estimate a backlog, in about a minute
	@$(BIN)/planning-poker demo

.PHONY: test
test: $(READY) ## Run all tests; options for pytest in ARGS
	@echo "Running the tests (make test ARGS='-k NAME' for some of them)"
	@$(BIN)/python -m pytest -m "not long and not alone" \
	  -n $(WORKERS) --maxprocesses $(MAX_WORKERS) --dist loadfile $(ARGS) || [ $$? -eq 5 ]
	@echo "Running what measures seconds, with nothing beside it"
	@$(BIN)/python -m pytest -m "alone and not long" $(ARGS) || [ $$? -eq 5 ]

.PHONY: test-long
test-long: $(READY) ## Run what takes minutes, with its figures: idle streams, and TRAFFIC_SECONDS (300) of cuts
	@TRAFFIC_SECONDS=$${TRAFFIC_SECONDS:-300} $(BIN)/python -m pytest -n 2 --dist loadfile -rP --show-capture=stdout \
	  -m "long or traffic" $(ARGS)

.PHONY: powercut
powercut: $(READY) ## Cut the log's power POWERCUTS (3000) times, a few minutes; SEED=17 repeats ten of them
	@POWERCUTS=$${POWERCUTS:-3000} $(if $(SEED),POWERCUT_SEED=$(SEED)) $(BIN)/python -m pytest -n 2 -rP --show-capture=stdout \
	  tests/powercut/test_power_cuts.py -k "promised or found_out" $(ARGS)

.PHONY: chaos
chaos: $(READY) ## Kill, freeze and starve a real server for CHAOS_SECONDS (60); SEED=17 for other troubles
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-60} $(if $(SEED),CHAOS_SEED=$(SEED)) $(BIN)/python -m pytest -rP --show-capture=stdout \
	  tests/chaos $(ARGS)

.PHONY: check
check: lint types layers check-generated buf-lint ## Check all that needs no running: style, types, layers, contract
	@echo "All checks passed."

##@ Parts of check

.PHONY: lint
lint: $(READY) ## Style: ruff, and that everything is formatted
	@echo "ruff: format and lint"
	@$(BIN)/ruff format --quiet --diff .
	@$(BIN)/ruff check --quiet .

.PHONY: types
types: $(READY) ## Types: mypy --strict over the distributions, tests and tools
	@echo "mypy --strict"
	@$(BIN)/mypy --strict $(SOURCES)

.PHONY: layers
layers: $(READY) ## Imports: the layers of docs/architecture.md
	@echo "import-linter"
	@$(BIN)/lint-imports --no-logo

.PHONY: check-generated
check-generated: $(READY) ## Prove that generated/ is what protos/ give
	@$(BIN)/python tools/generate_contracts.py --check

.PHONY: buf-lint
buf-lint: $(READY) ## The contract's style and format
	@echo "buf: lint and format"
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code

##@ While developing

.PHONY: format
format: $(READY) ## Format Python and protos, and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/buf format --write

.PHONY: proto
proto: $(READY) ## Generate the Python contracts from protos/
	@$(BIN)/python tools/generate_contracts.py

.PHONY: vectors
vectors: $(READY) ## Write vectors/fold/ from the scenes in tools/fold_scenes*.py
	@$(BIN)/python -m tools.write_vectors

.PHONY: buf-breaking
buf-breaking: $(READY) ## Compare the contract with that of AGAINST (default: main)
	@$(BIN)/buf breaking --against '.git#ref=$(AGAINST)'
	@echo "Nothing in protos/ breaks clients built against $(AGAINST)."

.PHONY: sim
sim: $(READY) ## Simulate 1,000 runs full of faults, in a minute or two; SEED=n repeats one, with its trace
	@$(BIN)/python -m planning_poker_simulator.simulation \
	  $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --jobs $(JOBS)) $(ARGS)

.PHONY: sim-mutations
sim-mutations: $(READY) ## Plant bugs one by one and see that the simulation finds each, in about two minutes
	@$(BIN)/python -m pytest -n 2 -rP --show-capture=stdout -m long tests/simulation/test_mutations.py $(ARGS)

# On a machine with nothing else to do: make bench ARGS="--only log" for a part.
.PHONY: bench
bench: $(READY) ## Measure beside the peers and write benchmarks/RESULTS.md, in about four minutes
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: browser
browser: ## Install what the browser tests need, Debian's chromium
	@command -v chromium >/dev/null || { \
	  as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$as_root apt-get update -qq && $$as_root apt-get install -y -qq chromium; }

.PHONY: pins
pins: $(READY) ## Compile requirements/*.in into pinned, hashed *.txt; UPGRADE=1 for newer releases
	@$(BIN)/python tools/compile_pins.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove all that make made (.venv, caches, builds); never data/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	rm -rf build dist $(foreach d,$(DISTRIBUTIONS),$(d)/build $(d)/dist)
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The stamp is renewed when a pin or a distribution's metadata changed.
$(READY): requirements/dev.txt $(DISTRIBUTIONS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is not: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) -V): pinned packages and this workspace; once, about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation $(DISTRIBUTIONS:%=--editable ./%)
	@touch $@
