# Every command makes the environment it needs; nothing has to be installed first but Python 3.11+ and make.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not sys.version_info >= (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCAL_PORT ?= 4566

.PHONY: help demo local test test-slow check format docs bench clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH."; exit 1; }
	@echo "Making the environment in $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: $(READY) ## the main job on the embedded AWS, from nothing to checked answers
	@$(BIN)/python -m local demo

local: export LOCAL_PORT := $(LOCAL_PORT)
local: $(READY) ## the embedded AWS with the app deployed, kept up; LOCAL_PORT chooses the port
	@$(BIN)/python -m local up

test: $(READY) ## all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(READY) ## the slow proof
	@$(BIN)/python -m pytest -m slow -n 2

check: $(READY) ## format, lint, types, generated docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m docs.generate --check

format: $(READY) ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## ours and the peers side by side, in one run
	@$(BIN)/python -m benchmarks

clean: ## remove the environment and everything that was made
	rm -rf $(VENV) .local .pytest_cache .mypy_cache .ruff_cache .hypothesis
