# Two commands: `make run` and `make test`. `make help` lists all.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test rehearse check lint types layers pages format publish documents smoke lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## set everything up, then run it in development mode (settings: LIVE_… in the environment; for a phone: LAN=1)
	@$(PYTHON) scripts/setup.py run
	@$(if $(LAN),LIVE_LAN=$(LAN)) LIVE_DEV=$${LIVE_DEV-1} exec $(BIN)/stagedoor run

test: ## set everything up, check types and style, run every test
	@$(PYTHON) scripts/setup.py test
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n auto --dist loadfile

rehearse: ## what takes too long for every change: 10,000 mutated inputs at every door, 1,000 keys taken away (after make test)
	@FUZZ_INPUTS=10000 KNOCK_ROUNDS=1000 $(BIN)/python -m pytest tests/end_to_end/test_fuzzing.py tests/end_to_end/test_knocking.py

check: lint types layers pages ## style and types, of Python and of the pages, and which package imports which

lint:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

layers:
	@$(BIN)/lint-imports --no-cache --no-logo

pages: ## types and style of the pages' scripts and styles alone
	@$(BIN)/python -m tests.page_tools

format: ## bring the code into its form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

publish: ## publish a moving test picture: make publish URL='rtmp://…'
	@$(BIN)/python -m ffmpeg_fixtures publish '$(URL)'

documents: ## write docs/settings.md from the code
	@$(BIN)/python -m control_plane.config.document > docs/settings.md

smoke: ## try the whole live path against a running server: make smoke URL=http://localhost:8080
	@scripts/smoke $(URL)

bench-%: ## measure: bench-callback, bench-joins, bench-endpoints, … (bench/README.md)
	@$(BIN)/python -m bench $*

lock: ## resolve the dependencies of setup.cfg again (needs uv)
	@scripts/lock

clean: ## remove the virtual environment and the caches; data stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
