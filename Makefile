# The project's commands. All tools are in .venv, installed from requirements.lock with hashes.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
UV := .cache/uv/bin/uv
DEBIAN_PACKAGES := chromium faketime haproxy openssl pgbouncer prometheus

.PHONY: help setup debian-packages demo test test-long fuzz lint format bench pictures reliability screenshots \
	lock schemas sbom clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .venv/.installed ## install all dependencies into .venv

$(UV):
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.8

.venv/.installed: requirements.lock pyproject.toml bank/pyproject.toml clients/python/pyproject.toml | $(UV)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable . --editable clients/python \
		--editable bank
	touch $@

debian-packages: ## install the Debian packages that some tests need, if one is missing
	dpkg --status $(DEBIAN_PACKAGES) >/dev/null 2>&1 || \
		{ apt-get update && apt-get install --yes $(DEBIAN_PACKAGES); }

demo: setup ## run the platform and the bank on this machine (ARGS="--fresh --speed 5")
	@$(BIN)/txplatform demo $(ARGS)

lint: setup ## check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

PYTEST := $(BIN)/pytest --numprocesses 3 --dist worksteal

test: lint ## lint, then run one test of each kind (ARGS=tests/unit selects some)
	$(PYTEST) -m "not long" $(ARGS)

test-long: lint ## lint, then run every test and print the slowest
	$(PYTEST) --durations 50 --durations-min 1 $(ARGS)

fuzz: setup ## send requests that are wrong in random ways (ARGS="--requests 1000000 --seed 7")
	PYTHONPATH=tests $(BIN)/python -m harness.fuzz $(ARGS)

format: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure the speed of the platform and of this machine (ARGS=--short)
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

pictures: setup ## write the pictures and tables for docs/benchmark.json into docs/
	PYTHONPATH=tests $(BIN)/python -m benchmarks.pictures docs/benchmark.json

reliability: setup ## try every fault under load and write docs/reliability.md (ARGS=api_killed)
	PYTHONPATH=tests $(BIN)/python -m reliability $(ARGS)

screenshots: setup ## write pictures of the web bank into docs/bank/
	PYTHONPATH=tests $(BIN)/python -m harness.screenshots

lock: $(UV) ## lock the newest versions that pyproject.toml allows
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-package txplatform-client --upgrade --group dev --extra import --extra demo \
		pyproject.toml bank/pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-package txplatform-client --constraint requirements.lock --extra import \
		pyproject.toml bank/pyproject.toml --output-file requirements-runtime.lock

schemas: setup ## write OpenAPI, AsyncAPI and JSON Schemas into docs/
	$(BIN)/python -m txplatform.schema_export docs

RUNTIME := .cache/runtime

sbom: setup ## write the software bill of materials and the licences of all packages into dist/
	$(UV) venv --quiet --clear $(RUNTIME)
	$(UV) pip sync --quiet --python $(RUNTIME)/bin/python --require-hashes requirements-runtime.lock
	mkdir -p dist
	PYTHONPATH= $(BIN)/cyclonedx-py environment --gather-license-texts --pyproject pyproject.toml \
		--output-reproducible --output-file dist/sbom.json $(RUNTIME)
	PYTHONPATH= $(BIN)/pip-licenses --python $(RUNTIME)/bin/python --with-urls --with-license-file \
		--no-license-path --with-notice-file --format plain-vertical --output-file dist/NOTICE
	cat src/txplatform/api/swagger_ui/NOTICE src/txplatform/api/swagger_ui/LICENSE \
		bank/src/txbank/web/static/vendored/LICENSES.txt >> dist/NOTICE

clean: ## remove all generated files except the demo's data
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
