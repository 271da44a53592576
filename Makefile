# One-word targets. `make run` and `make test` set everything up first; Python 3.11 to 3.14 is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEEDS := Trilo needs Python 3.11 to 3.14. With one of these under another name: make run PYTHON=python3.12
FAILED = { echo "The packages couldn't be installed: that takes the package index and 1 GB of disk. Run it again then." >&2; exit 1; }
TOKEN = $(strip $(DISCORD_TOKEN) $(shell grep -Es "^[[:space:]]*(export[[:space:]]+)?DISCORD_TOKEN[[:space:]]*=[[:space:]]*[\"']?[^\"'[:space:]]" .env >/dev/null && echo set))

.PHONY: run test check bench trial chaos soak image words lock audit screenshots gallery clean

run: $(if $(TOKEN),$(VENV)/run.stamp,$(VENV)/dev.stamp)
	@$(BIN)/python -m bot

test: $(VENV)/dev.stamp
	@$(BIN)/pytest -n auto $(ARGS)

check: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m benchmarks $(ARGS)

trial: $(VENV)/dev.stamp
	@$(BIN)/python -m trials.hard_budget $(ARGS)

chaos: $(VENV)/dev.stamp
	@$(BIN)/python -m trials.chaos $(ARGS)

soak: $(VENV)/dev.stamp
	@$(BIN)/python -m trials.soak $(ARGS)

# What a host that reads the Procfile builds of the last commit, built and tried out here.
image: $(VENV)/dev.stamp
	@$(BIN)/python -m trials.image $(ARGS)

screenshots: $(VENV)/dev.stamp
	@$(BIN)/python -m docs.screenshots

# Every view and state as a picture in gallery/, to be looked at.
gallery: $(VENV)/dev.stamp
	@$(BIN)/python -m docs.gallery $(ARGS)

# Brings the catalogs of translations up to date with what the code says.
words: $(VENV)/dev.stamp
	@$(BIN)/python docs/collect_words.py

# Compiles both lock files anew from pyproject.toml.
lock: $(VENV)/dev.stamp
	@$(BIN)/uv pip compile pyproject.toml --extra posthog --extra opentelemetry --universal --generate-hashes --python-version 3.11 --quiet --upgrade \
	    --no-emit-index-url --custom-compile-command "make lock" -o requirements.txt
	@$(BIN)/uv pip compile pyproject.toml --extra posthog --extra opentelemetry --group dev --universal --generate-hashes --python-version 3.11 --quiet \
	    --upgrade --no-emit-index-url --custom-compile-command "make lock" -c requirements.txt -o requirements-dev.txt

# Known vulnerabilities of everything in both lock files. It asks osv.dev, so it needs the network and isn't in .ci/run.
audit: $(VENV)/dev.stamp
	@echo "Asking osv.dev about every pinned package (needs the network) ..." >&2
	@$(BIN)/uv tool run pip-audit@2.10.1 --disable-pip --require-hashes --progress-spinner off \
	    --vulnerability-service osv -r requirements.txt -r requirements-dev.txt

clean:
	@rm -rf $(VENV) .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(NEEDS) (there is no $(PYTHON) here)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "$(NEEDS)")'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/run.stamp: requirements.txt | $(BIN)/python
	@echo "Installing what Trilo runs on (once) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt || $(FAILED)
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing what Trilo runs on and is tested with (once) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt || $(FAILED)
	@touch $@ $(VENV)/run.stamp
