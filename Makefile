# `make` checks everything, as CI does. All targets make .venv where it is missing or older than what it is made from.
# Needs make, git and a Python >= 3.10 with its venv module; another one by name: make PYTHON=python3.12

PYTHON ?= python3
# More words for pip, such as an index with torch's CPU builds, far smaller on Linux: PIP_FLAGS="--extra-index-url ..."
PIP_FLAGS ?=
# More words for pytest: make test ARGS="tests/nn -x"
ARGS ?=
# How long `make fuzz` goes on
SECONDS ?= 600
# The folder of public corpora for `make gpu-check`
DATA ?= ../shared/data

VENV := .venv
# What seqtag-runtime has to pass without torch, beside the examples in the docstrings of its modules.
RUNTIME_TESTS := tests/runtime/test_without_torch.py tests/text/test_classes.py tests/text/test_context_layout.py \
  tests/text/test_symbol_vocabulary.py tests/text/test_tagset.py tests/inference/test_span_selection.py \
  tests/test_errors.py tests/test_version.py
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install $(PIP_FLAGS) -c constraints.txt
# The stamps tell what .venv holds; pip runs again only when one of these files is newer.
RUN_STAMP := $(VENV)/installed-to-run
DEV_STAMP := $(VENV)/installed-to-develop
DOCS_STAMP := $(VENV)/installed-to-document
WANTED := pyproject.toml constraints.txt

.DEFAULT_GOAL := check
.NOTPARALLEL:
.PHONY: check demo test test-runtime fuzz gpu-check lint format docs wheels clean help

check: lint docs test  ## format check, lint, types, the documentation, and all tests with doctests (the default)

demo: $(RUN_STAMP)  ## install, then train on data/, print the scores and tag new sentences: about a minute
	@$(BIN)/seqtag demo

test: $(DEV_STAMP)  ## the whole test suite with doctests, a process a core; warnings are errors
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-runtime: wheels  ## the tests of seqtag-runtime, installed without torch: make test-runtime PYTHON=python3.12
	@rm -rf $(VENV)-runtime
	@$(PYTHON) -m venv $(VENV)-runtime
	@$(VENV)-runtime/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt pytest hypothesis \
	  "$$(ls $$PWD/dist/seqtag_runtime-*.whl)[text]"
	@$(VENV)-runtime/bin/python --version
	@$(VENV)-runtime/bin/pytest -p no:cacheprovider $(RUNTIME_TESTS) --pyargs seqtag.runtime seqtag.text seqtag.inference

fuzz: $(DEV_STAMP)  ## hostile and damaged model folders and corpora for a while: make fuzz SECONDS=600
	@FUZZ_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/fuzz $(ARGS)

gpu-check: $(DEV_STAMP)  ## tests, training and predicting on a GPU, in eight minutes: make gpu-check DATA=../shared/data
	@$(BIN)/python recipes/gpu_check.py --data $(DATA) --json gpu-check.json

lint: $(DEV_STAMP)  ## format check, ruff and mypy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(DEV_STAMP)  ## format the code and sort the imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

docs: $(DOCS_STAMP)  ## site/: the documentation as a web site that loads nothing from outside; warnings are errors
	@$(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is in site/; open site/index.html in a browser"

wheels: $(DEV_STAMP)  ## dist/: seqtag, and seqtag-runtime, the part of it that predicts without torch
	@rm -rf build distributions/runtime/build  # a build takes up what an older one left
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist distributions/runtime

clean:  ## remove .venv, caches and what a build leaves
	rm -rf $(VENV) $(VENV)-runtime build dist site *.egg-info distributions/*/build distributions/*/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find seqtag tests recipes -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 10

# Python's own check of its version, because a too old pip would end in a page of unrelated complaints.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "seqtag needs Python 3.10 or newer, but '$(PYTHON)' is missing or older; name another: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "1/3 making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed; Debian and Ubuntu keep it in the package python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(RUN_STAMP): $(WANTED) | $(BIN)/pip
	@echo "2/3 installing torch, the largest part (minutes, the first time)"
	@$(PIP) torch
	@echo "3/3 installing seqtag and the rest"
	@$(PIP) -e .
	@touch $@

$(DEV_STAMP): $(WANTED) | $(BIN)/pip
	@echo "2/3 installing torch, the largest part (minutes, the first time)"
	@$(PIP) torch
	@echo "3/3 installing seqtag, the rest and the tools of its developers"
	@$(PIP) -e ".[dev]"
	@touch $(RUN_STAMP) $@

# After the stamp to run, so that torch is there: the page of options is made from the code.
$(DOCS_STAMP): $(WANTED) | $(RUN_STAMP)
	@echo "installing what builds the documentation"
	@$(PIP) -e ".[docs]"
	@touch $@
