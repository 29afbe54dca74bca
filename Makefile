PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
RUN := $(VENV)/bin/
STAMP := $(VENV)/.ready

.PHONY: demo test check bench setup lint clean

demo: $(STAMP)  ## Run a whole fleet on this machine: webhook to machine taken away
	$(RUN)runs-fleet demo

test: $(STAMP)  ## Run every test
	$(RUN)pytest

check: lint test  ## Everything that CI checks

lint: $(STAMP)
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports --no-cache

bench: $(STAMP)  ## Measure latency and cost per job; see docs/benchmarks.md
	$(RUN)python -m bench

setup: $(STAMP)  ## Make ./.venv with everything in it

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "runs-fleet needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@echo "Installing into ./$(VENV) (about half a minute the first time)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --locked --inexact --all-extras --all-groups
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
