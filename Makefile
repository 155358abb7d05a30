# make run    the sample city, from nothing          make test   the checks and tests of every change
# One environment in .venv for both, from requirements.lock (every file pinned by its hash).

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo-city
LOCKING := --generate-hashes --all-extras --all-build-deps --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help install run lint test test-long bench lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

$(BIN)/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Install Python's venv module (Debian: apt-get install python3-venv), then run make again."; exit 1; }

# Stamps: nothing is installed again until the file beside the stamp changes.
$(VENV)/.lock-installed: requirements.lock $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.package-installed: pyproject.toml $(VENV)/.lock-installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(VENV)/.package-installed  ## the environment in .venv, without running anything

run: install  ## make the sample city in ./demo-city and lead through it
	@$(BIN)/archiver demo --fresh $(DEMO)

lint: install  ## style, types and the import rule
	@status=0; \
	for check in "ruff check" "ruff format --check" "mypy" "lint-imports"; do \
		echo "== $$check"; $(BIN)/$$check || status=1; \
	done; exit $$status

test: install  ## lint, then every test but the long ones
	@status=0; $(MAKE) --no-print-directory lint || status=1; \
	echo "== pytest"; $(BIN)/python -m pytest -m "not long and not bench" $(ARGS) || status=1; \
	exit $$status

test-long: install  ## the long tests, with the counts that they reach
	@$(BIN)/python -m pytest -m long -s -rA $(ARGS)

bench: install  ## the measurements, one after the other
	@for script in tests/bench/bench_*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python $$script || exit 1; done

lock: $(BIN)/python  ## write requirements.lock anew from pyproject.toml
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/python -m pip install --quiet pip-tools
	@$(VENV)/lock/bin/pip-compile --quiet $(LOCKING) --output-file requirements.lock pyproject.toml

clean:  ## remove the environment and the sample city
	rm -rf $(VENV) $(DEMO)
