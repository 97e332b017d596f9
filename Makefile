# `make demo` animates the bundled sample, `make test` checks everything. Both make the environment they need.
# PYTHON: any Python from 3.11 on (Debian: apt install python3-venv). The web app needs Node.js from 20.19 on.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

NODE := webapp/node_modules/.package-lock.json

.PHONY: demo web test lint test-python test-web browsers clean

demo: $(VENV)/.base
	$(BIN)/vivant animate --output vivant-demo.mp4

web: $(NODE)
	cd webapp && npm run --silent build

test: lint test-web test-python

test-python: $(VENV)/.dev browsers
	$(BIN)/pytest --durations=10

test-web: web browsers $(VENV)/.dev
	cd webapp && npx vitest run --config tests/engine/vitest.config.ts
	cd webapp && npx vitest run --config tests/page/vitest.config.ts
	cd webapp && npx playwright test -c tests/engine/playwright.config.ts
	cd webapp && npx playwright test -c tests/page/playwright.config.ts

browsers:
	bash tests/browser/install.sh

$(NODE): webapp/package-lock.json
	cd webapp && npm ci --no-audit --no-fund --silent
	@touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) build dist *.egg-info webapp/node_modules webapp/dist webapp/dist-harness

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
