# Needs Python 3.11 or later, make, bash and a package index. No Docker, no Java, no root.
#
#   make demo ARGS=--keep      arguments are handed on
#   make test ARGS="-k token"
#   make test JOBS=0 ARGS="-k token -s"
#   make venv PYTHON=/opt/python3.12/bin/python3

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
ARGS ?=
# Tests side by side, each file whole in one of them with a broker of its own; 0: one after the other.
JOBS ?= 4

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Made anew when they change; without a C compiler, or a Rust toolchain, the package is installed without what
# needs it, in silence.
COMPILED := $(wildcard pipeline/grantline/*/_*.pyx pipeline/grantline/*/_*.pxd)
CRATE := pipeline/core
CORE := $(wildcard $(CRATE)/Cargo.* $(CRATE)/src/*.rs)

SUITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# The first that runs, is new enough and can make virtual environments.
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3; do \
	"$$candidate" -c '$(SUITS)' 2>/dev/null && command -v "$$candidate" && break; done)

.PHONY: help
help: ## this list
	@echo "Grantline: who let which AI agent do what"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Arguments are handed on: make demo ARGS=--keep, make test ARGS=\"-k token\""

.PHONY: venv
venv: $(STAMP) ## .venv with everything in requirements.lock

$(STAMP): requirements.lock pyproject.toml setup.py $(COMPILED) $(CORE)
	@if ! "$(or $(PYTHON),python3)" -c '$(SUITS)' 2>/dev/null; then \
		echo "Grantline needs Python 3.11 or later with venv and pip; $(or $(PYTHON),python3) is:" \
			"$$("$(or $(PYTHON),python3)" --version 2>&1 || true)" >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv)," \
			"or name it: make $(or $(MAKECMDGOALS),venv) PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@test -x $(BIN)/python || { echo "Making $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); }
	@echo "Installing the packages of requirements.lock (once; a minute, mostly)"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		--require-hashes -r requirements.lock | awk '\
		/^Collecting|^Requirement already/ {if (++n % 20 == 0) print "  " n " packages"; fflush()} \
		/^Installing/ {print "  unpacking " n " packages"; fflush()}'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet \
		--no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: demo
demo: $(STAMP) ## the whole way, small: agents, broker, detection, lineage (under a minute)
	@$(BIN)/python -m grantline.demo $(ARGS)

.PHONY: test
test: $(STAMP) ## the whole suite; its last lines say which broker was used
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: issuers
issuers: $(STAMP) ## real authorization servers, honest and abusive flows, what is said of them
	@$(BIN)/python -m tests.issuers $(ARGS)

.PHONY: foreign
foreign: $(STAMP) ## other people's OpenTelemetry clients on Apache Kafka, held against our own exporter
	@$(BIN)/python -m tests.foreign $(ARGS)

.PHONY: truth
truth: $(STAMP) ## labelled chains at modelled issuers: kind by view, due, found, false, undecidable
	@$(BIN)/python -m tests.truth $(ARGS)

.PHONY: notebook
notebook: $(STAMP) ## JupyterLab with the notebooks; it asks your running writer, or a file
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet \
		--require-hashes -r notebooks/requirements.lock
	@cd notebooks && ../$(BIN)/jupyter lab $(ARGS)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy --strict, import contracts; rustfmt and clippy where they are
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	@cargo="$${CARGO-cargo}"; \
	if "$$cargo" fmt --version >/dev/null 2>&1 && "$$cargo" clippy --version >/dev/null 2>&1; then set -x; \
		"$$cargo" fmt --manifest-path $(CRATE)/Cargo.toml --check && \
		PYO3_PYTHON=$(CURDIR)/$(BIN)/python "$$cargo" clippy --quiet --locked --all-targets \
			--manifest-path $(CRATE)/Cargo.toml --features python -- -D warnings; \
	else echo "no cargo with rustfmt and clippy: $(CRATE) is not looked at"; fi

.PHONY: bench
bench: $(STAMP) ## throughput, latency and memory, as a table and as JSON
	@$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: soak
soak: $(STAMP) ## half of full load for long: does anything grow, is anything lost
	@$(BIN)/python -m tests.benchmarks.soak $(ARGS)

.PHONY: scale
scale: $(STAMP) ## what 1 k, 100 k and 10 M spans a second need; renews its page
	@$(BIN)/python -m tests.benchmarks.scale $(ARGS)

# Renews versions within the ranges of pyproject.toml: make lock ARGS=--upgrade
.PHONY: lock
lock: $(STAMP) ## renew requirements.lock after a change of pyproject.toml
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet "uv>=0.8"
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --all-extras --group dev \
		--no-emit-package grantline-emit --custom-compile-command "make lock" $(ARGS) \
		--output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --constraint requirements.lock \
		--custom-compile-command "make lock" $(ARGS) \
		--output-file notebooks/requirements.lock notebooks/requirements.in
	@! grep -nE '(https?|file)://' requirements.lock notebooks/requirements.lock || \
		{ echo "requirements.lock names a host: it would not install elsewhere" >&2; exit 1; }

.PHONY: clean
clean: ## remove what make made: .venv, caches, the demo's data
	rm -rf $(VENV) .grantline .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache build dist pipeline/*.egg-info $(CRATE)/target pipeline/grantline/_core.*
	rm -f $(foreach module,$(filter %.pyx,$(COMPILED)),$(module:.pyx=.c) $(module:.pyx=.*.so))
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
