# Every command makes the environment it needs; nothing has to be installed first but Python 3.11+ and make.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not sys.version_info >= (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.dev-ready
BENCH_READY := $(VENV)/.bench-ready
CONSOLE_READY := $(VENV)/.console-ready
LOCAL_PORT ?= 4566
CONSOLE_PORT ?= 8080
in-region = $(if $(REGION),AWS_DEFAULT_REGION=$(REGION) )

.PHONY: help demo try local console test test-fast test-slow check lint types check-contracts format docs bench bench-latency lock native aws deploy destroy smoke terraform clean

## See it
help: ## this list
	@awk -F ':.*## ' '/^## / { printf "%s%s\n", line, substr($$0, 4); line = "\n" } \
		/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# What runs the pipeline: whoever only looks waits for nothing else.
$(READY): requirements-local.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH."; exit 1; }
	@echo "Making the environment in $(VENV) (once, about half a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-local.lock
	@touch $@

$(DEV_READY): $(READY) requirements-dev.lock
	@echo "Installing what tests and checks need (once, about half a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(CONSOLE_READY): $(READY) requirements-console.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-console.lock
	@touch $@

demo: $(READY) ## the main job on the embedded AWS, from nothing to checked answers
	@$(BIN)/python -m local demo

try: $(READY) ## your own file, from a proposed contract to answers: FILE=my_orders.json; CONTRACT=name tries that one, KEEP=1 keeps the proposed
	$(if $(FILE),,$(error name your file: make try FILE=my_orders.json))@$(BIN)/python -m local try "$(FILE)" $(if $(CONTRACT),--contract "$(CONTRACT)") $(if $(filter 1,$(KEEP)),--keep)

local: export LOCAL_PORT := $(LOCAL_PORT)
local: $(READY) ## the embedded AWS with the app deployed, kept up; LOCAL_PORT chooses the port
	@$(BIN)/python -m local up

console: export LOCAL_PORT := $(LOCAL_PORT)
console: $(CONSOLE_READY) ## the page for people, on 127.0.0.1: of the embedded AWS that is up, else of one of its own; STAGE=prod with your AWS credentials; CONSOLE_PORT
	@$(in-region)$(BIN)/python -m console --stage $(or $(STAGE),local) --port $(CONSOLE_PORT)

aws: export LOCAL_PORT := $(LOCAL_PORT)
aws: $(READY) ## the embedded AWS alone and empty, kept up, to deploy into; LOCAL_PORT chooses the port
	@$(BIN)/python -m local aws

## Run it in your AWS account
need-stage = $(if $(STAGE),,$(error name the stage: make $@ STAGE=dev))

deploy: $(READY) ## a stage, again for a new version: STAGE=dev BUCKET=my-orders (the bucket once); REGION if no profile has it, DEPLOY="--pause 30 ..." for further options
	$(need-stage)@$(in-region)$(BIN)/python -m release deploy --stage $(STAGE) $(if $(BUCKET),--bucket $(BUCKET)) $(if $(LAYER),--layer $(LAYER)) $(DEPLOY)

smoke: $(READY) ## drop a file into a stage, ask for it, compare, remove it: STAGE=dev; CONTRACT=name for another than the first
	$(need-stage)@$(in-region)$(BIN)/python -m release smoke --stage $(STAGE) $(if $(CONTRACT),--contract $(CONTRACT))

terraform: $(READY) ## a stage as a directory for Terraform, in build/terraform/STAGE: STAGE=prod
	$(need-stage)@$(in-region)$(BIN)/python -m release terraform --stage $(STAGE)

destroy: $(READY) ## take a stage away: STAGE=dev; bucket and data stay unless DATA=delete
	$(need-stage)@$(in-region)$(BIN)/python -m release destroy --stage $(STAGE) $(if $(filter delete,$(DATA)),--delete-data)

## Change it
test: $(DEV_READY) ## all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-fast: $(DEV_READY) ## tests in memory, in a minute: nothing started, no deploy
	@$(BIN)/python -m pytest tests/unit tests/app -m "not slow and not aws and not thorough" -n 2 --dist loadfile

test-slow: $(DEV_READY) ## the slow proof
	@$(BIN)/python -m pytest -m slow -n 2 --dist loadfile
	@$(BIN)/python -m pytest tests/unit -m "thorough and not slow" -n 2 --dist loadfile --hypothesis-profile many

check: lint types check-contracts ## format, lint, types, layers, generated docs, your contracts

lint: $(DEV_READY) ## format and lint, in seconds
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(DEV_READY) ## types, layers, generated docs
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m docs.generate --check

check-contracts: $(READY) ## whether contracts, their samples and saved queries fit: all of chalicelib/contracts, or CONTRACT="NAME|FILE ..."
	@$(BIN)/python -m local check-contracts $(CONTRACT)

docs: $(READY) ## the documents that are made of code and contracts anew
	@$(BIN)/python -m docs.generate

format: $(DEV_READY) ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

$(BENCH_READY): $(DEV_READY) requirements-bench.txt
	@echo "Installing the peers that have a wheel for this machine ..."
	@while read -r peer; do case "$$peer" in ''|\#*) continue;; esac; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: "$$peer" \
			|| echo "$$peer cannot be installed here: it is left out"; done < requirements-bench.txt
	@touch $@

bench: $(BENCH_READY) ## ours and the peers side by side; BENCH="--only wide --runs 3", or "--file my.json --contract NAME|FILE" for your own
	@$(BIN)/python -m benchmarks $(BENCH)

bench-latency: $(DEV_READY) ## from put to queryable on the embedded AWS, step by step
	@$(BIN)/python -m benchmarks.latency

locked = UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate

lock: $(READY) ## the lock files anew from the requirements files, for every Python and machine
	@$(BIN)/python -m venv --clear $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(locked) requirements-local.txt -o requirements-local.lock
	@$(locked) -c requirements-local.lock requirements-dev.txt -o requirements-dev.lock
	@$(locked) -c requirements-dev.lock requirements-console.txt -o requirements-console.lock

native: $(READY) ## the compiled part of the flattening anew, for every system, from native/documents.c
	@$(BIN)/python -m venv --clear $(VENV)/native
	@$(VENV)/native/bin/python -m pip install --quiet --disable-pip-version-check ziglang==0.17.1
	@$(VENV)/native/bin/python native/build.py

clean: ## remove the environment and everything that was made
	rm -rf $(VENV) .local .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
