# `make demo` animates the bundled sample, `make test` checks everything. Both make the environment .venv they need.
# PYTHON: any Python from 3.11 on (Debian: apt install python3-venv).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint clean

demo: $(VENV)/.base
	$(BIN)/vivant animate --output vivant-demo.mp4

test: lint
	$(BIN)/pytest --durations=10

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("vivant needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable .
	@touch $@

# Pyright does not see the editable install's mapping of the root to `vivant`; the link shows it.
$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[dev,train,export]'
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/vivant
	@touch $@ $(VENV)/.base
