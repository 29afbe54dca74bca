PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
RUN := $(VENV)/bin/
STAMP := $(VENV)/.ready
# Behind a proxy with a certificate of its own, only the system's store knows it: see the second try.
SYNC = VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --locked --inexact --all-extras --all-groups
ARGS ?=
FILE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format bench chaos replay pictures setup clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## Run a whole fleet on this machine; ARGS="--jobs 50 --keep" and the like
	@$(RUN)runs-fleet demo $(ARGS)

test: $(STAMP)  ## Run every test; ARGS=tests/api for some of them
	@test -n "$(ARGS)" || $(RUN)python -m simulator.kube --build > /dev/null || true
	$(RUN)pytest -n 3 --dist loadfile $(ARGS)

check: lint test  ## Check everything that CI checks

lint: $(STAMP)  ## Check format, style, types, and who imports whom
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports --no-cache

format: $(STAMP)  ## Put the code into shape
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

bench: $(STAMP)  ## Measure latency and cost per job; see docs/benchmarks.md
	$(RUN)python -m bench $(ARGS)

replay: $(STAMP)  ## Play recorded histories against this code; FILE=job.json for one of your own
	$(RUN)python -m tests.replay $(FILE)

chaos: $(STAMP)  ## Let everything go wrong at once; see docs/reliability.md
	$(RUN)python -m simulator.chaos $(ARGS)

pictures: $(STAMP)  ## Take the pictures of docs/pictures again (needs chromium)
	$(RUN)python -m simulator.pictures

setup: $(STAMP)  ## Make ./.venv with everything in it

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "runs-fleet needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@echo "Installing into ./$(VENV) (about half a minute the first time)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@$(SYNC) || UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 $(SYNC)
	@touch $(STAMP)

clean:  ## Remove ./.venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
