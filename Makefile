# Each target does its own set-up (see .ci/setup); `make` alone lists them.

SHELL := /bin/sh
WORKERS ?= 2
PYTEST_ARGS ?=
PYTHON_FILES := exosk tests plugins benchmarks docs

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format coverage docs linkcheck opacities reproduce clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with exosk and its development tools
	@.ci/setup

demo: setup ## Retrieve WASP-39b's atmosphere and write the report to demo/
	.venv/bin/exosk retrieve wasp-39b --out demo
	@printf '\nThe report: %s\n' "$$(pwd)/demo/report.html"

# One thread a worker: two workers with a thread pool each would fight for the same cores.
test coverage: export OMP_NUM_THREADS := 1
test coverage: export OPENBLAS_NUM_THREADS := 1
test coverage: export MKL_NUM_THREADS := 1
test coverage: export NUMEXPR_NUM_THREADS := 1
test coverage: export MPLBACKEND := Agg

test: lint ## Lint, then run all tests (PYTEST_ARGS='-k grid' for some, WORKERS=4 for more cores)
	@.ci/setup --tests
	.venv/bin/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: setup ## Check style, formatting and types
	.venv/bin/ruff check $(PYTHON_FILES)
	.venv/bin/ruff format --check $(PYTHON_FILES)
	.venv/bin/mypy

format: setup ## Mend style and formatting where a tool can
	.venv/bin/ruff check --fix $(PYTHON_FILES)
	.venv/bin/ruff format $(PYTHON_FILES)

coverage: setup ## Run all tests and list the lines that none runs
	@.ci/setup --tests
	.venv/bin/python -m pytest -n $(WORKERS) --cov --cov-report=term-missing:skip-covered $(PYTEST_ARGS)

docs: export OMP_NUM_THREADS := 1
docs linkcheck: export MPLBACKEND := Agg

docs: setup ## Build the site, its examples executed, in docs/_build/html
	.venv/bin/python -m sphinx -W --keep-going -E -b html docs docs/_build/html
	@printf '\nThe site: %s\n' "$$(pwd)/docs/_build/html/index.html"

linkcheck: setup ## Check the site's links to other sites (needs a network)
	.venv/bin/python -m sphinx -W --keep-going -E -D plot_gallery=0 -b linkcheck docs docs/_build/linkcheck

opacities: setup ## Build the embedded opacity tables anew from their sources
	.venv/bin/python exosk/opacities/embedded/build.py

reproduce: setup ## Run all benchmarks and write the leaderboard (a day; needs the shared data)
	@.ci/setup --tests
	.venv/bin/exosk benchmark run
	.venv/bin/exosk benchmark leaderboard --out docs/leaderboard.md

clean: ## Remove .venv, caches, build products and the demo
	rm -rf .venv .setup.log .setup.lock build dist demo .coverage htmlcov *.egg-info
	rm -rf docs/_build docs/auto_gallery docs/api/generated docs/sg_execution_times.rst
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(PYTHON_FILES) -type d -name __pycache__ -prune -exec rm -rf {} +
