# Every target works as the first command on a fresh clone: make, and Python from 3.9 or uv, are all it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# An active conda environment that holds voicebench (environment.yml) is used as it is. Everything else
# is in .venv, with the packages of one SET: the one that is there, or the CPU's in a new one.
ifneq ($(and $(CONDA_PREFIX),$(wildcard $(CONDA_PREFIX)/bin/voicebench)),)
BIN := $(CONDA_PREFIX)/bin
STAMP :=
else
BIN := .venv/bin
SET ?= $(if $(wildcard .venv/lib/python3.*/site-packages/vllm-[0-9]*.dist-info),gpu,cpu)
STAMP := .venv/.set-up-$(SET)
endif

# More OpenMP threads than free cores make recognition 10 to 50 times slower.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
export VLLM_LOGGING_LEVEL ?= ERROR
export VLLM_NO_USAGE_STATS ?= 1

# on both cores; tests that share the bundled models on one of them
TESTS = $(BIN)/pytest -n 2 --dist loadgroup

.PHONY: help setup demo test test-all lint lab reports pictures serve models lock audit gpu-set clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with the locked packages; SET=gpu: those of CUDA; nothing when it is there
	@echo "voicebench is set up in $(BIN)"

.venv/.set-up-%: pyproject.toml requirements/%.txt requirements/cpu-overrides.txt requirements/install.sh
	@requirements/install.sh $*,synth,notebooks,serve,dev
	@touch $@

demo: $(STAMP) ## set up, then run every suite on the shipped models in both modes; about 3 minutes
	@echo "[demo 1/2] quality: 3 cases of each suite, stages batched"
	@$(BIN)/voicebench run --profile bundled --mode quality --max-cases 3
	@echo "[demo 2/2] latency: 1 case of each suite, at the pace of speech"
	@$(BIN)/voicebench run --profile bundled --mode latency --max-cases 1 --repeats 1

lint: $(STAMP) ## linter, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint, then the tests of every commit; minutes
	$(TESTS) -m "not slow"

test-all: lint ## lint, then every test: notebooks, wheel, training and suites made again too
	$(TESTS)

lab: $(STAMP) ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --ip=127.0.0.1 --KernelManager.transport=ipc \
		--LabApp.app_settings_dir="$(CURDIR)/notebooks/settings" notebooks

reports: $(STAMP) ## RUN=latest: every notebook of a run as a page in reports/
	$(BIN)/voicebench notebooks $(or $(RUN),latest)
	$(BIN)/voicebench index

pictures: $(STAMP) ## RUN=folder PAGE=url: the pictures of the READMEs, of a report and of a running page
	$(BIN)/python bench/make_pictures.py $(if $(RUN),--report $(RUN)) $(if $(PAGE),--page $(PAGE))

serve: $(STAMP) ## answer programs on port 8000 and people on 7860
	$(BIN)/voicebench serve

models: $(STAMP) ## train both shipped models from nothing, write checksums and model card; about 2 hours
	$(BIN)/python -m training

lock: $(STAMP) ## resolve the locked versions anew (with UV_FIND_LINKS naming a torch CPU wheel)
	requirements/lock.sh

audit: $(STAMP) ## ADVISORIES=folder: the locked versions against PyPA's advisories, with pip-audit; no network
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python requirements/audit.py $(or $(ADVISORIES),advisories)

gpu-set: $(STAMP) ## install the GPU set into a fresh environment and import it; no GPU, 9 GB of disk for minutes
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/check_gpu_set.sh

clean: ## remove caches (not .venv, not reports)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
