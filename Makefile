# Each target sets up what it needs by itself and may be repeated at no cost.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench soak clean

PYTHON := .venv/bin/python

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## virtual environment, packages, Chromium
	@bash scripts/setup.sh

demo: setup ## crawl the bundled stand-in of the site and show what was stored
	@$(PYTHON) -m scripts.demo

test: setup ## the whole test suite
	@$(PYTHON) -m pytest -n 2 $(ARGS)

lint: setup ## ruff and mypy
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: setup ## benchmarks; ARGS=--quick for a short run
	@$(PYTHON) -m benchmarks $(ARGS)

soak: setup ## what takes long: kills at many moments, fuzzing, memory over a long crawl
	@$(PYTHON) -m pytest -n 2 --soak tests/soak $(ARGS)

clean: ## remove the environment and what the demo stored
	rm -rf .venv .caliber/demo
