# Each target sets up what it needs by itself and may be repeated at no cost.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint audit lock bench soak clean

PYTHON := .venv/bin/python

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## virtual environment, packages, Chromium; LOCKED=yes: exactly those of the lock file
	@bash scripts/setup.sh

demo: setup ## crawl the bundled stand-in of the site and show what was stored
	@$(PYTHON) -m scripts.demo

# Four at a time, since most wait for most of their time, and who is done takes of what waits for others;
# then those that look at a clock or at memory. Exit code 5: none that ARGS name is of that kind.
test: setup ## the whole test suite
	@$(PYTHON) -m pytest -n 4 --dist worksteal -m "not alone" $(ARGS) || [ $$? = 5 ]
	@$(PYTHON) -m pytest -m alone $(ARGS) || [ $$? = 5 ]

lint: setup ## ruff, mypy, known vulnerabilities of the locked packages
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m scripts.audit

audit: setup ## known vulnerabilities; fails also for what cannot be checked
	@$(PYTHON) -m scripts.audit --strict

lock: setup ## name the newest allowed versions of all packages, with their hashes
	@bash scripts/lock.sh

bench: setup ## benchmarks; ARGS=--quick for a short run, or names of some
	@bash scripts/setup_bench.sh
	@$(PYTHON) -m benchmarks $(ARGS)

soak: setup ## what takes long: kills at many moments, fuzzing, memory over a long crawl, hostile pages
	@$(PYTHON) -m pytest -n 2 --soak tests/soak $(ARGS)
	@$(PYTHON) -m pytest -n 2 --soak -m soak tests $(ARGS) || [ $$? = 5 ]

clean: ## remove the environment and what the demo stored
	rm -rf .venv .venv-bench .caliber/demo
