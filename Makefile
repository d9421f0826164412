# Two commands: `make run` and `make test`. `make help` lists all.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Tests wait for servers and browsers for a third of their time: three workers keep two cores busy.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) * 3 / 2 )))

.PHONY: help run test rehearse check lint types layers pages format publish documents smoke lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install everything, then start the server in development mode (settings: LIVE_… variables; for a phone: LAN=1)
	@$(PYTHON) scripts/setup.py run
	@$(if $(LAN),LIVE_LAN=$(LAN)) LIVE_DEV=$${LIVE_DEV-1} exec $(BIN)/stagedoor run

test: ## install everything, check types and style, run every test
	@$(PYTHON) scripts/setup.py test
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

rehearse: ## run the long tests: 10,000 mutated inputs to every listener, 1,000 revoked keys, 200 gift storms, 500 runs of the state machine of money, a kill of worker, database and server at every step of a video, every format of video, such as 4K with HDR and ten minutes (after make test)
	@FUZZ_INPUTS=10000 KNOCK_ROUNDS=1000 GIFT_STORMS=200 MONEY_EXAMPLES=500 VIDEO_KILLS=all VIDEO_FORMATS=all $(BIN)/python -m pytest \
		tests/end_to_end/test_fuzzing.py tests/end_to_end/test_knocking.py tests/end_to_end/test_gift_storm.py tests/control_plane/money \
		tests/control_plane/videos/processing/test_processor.py tests/end_to_end/test_killed_videos.py \
		tests/end_to_end/test_video_processing.py tests/end_to_end/test_video_formats.py

check: lint types layers pages ## check style and types of Python and of the pages, and the direction of imports

lint:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

layers:
	@$(BIN)/lint-imports --no-cache --no-logo

pages: ## check only the pages' scripts and style sheets
	@$(BIN)/python -m tests.page_tools

format: ## format the Python code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

publish: ## publish a moving test picture: make publish URL='rtmp://…'
	@$(BIN)/python -m ffmpeg_fixtures publish '$(URL)'

documents: ## generate docs/settings.md from the code
	@$(BIN)/python -m control_plane.config.document > docs/settings.md

smoke: ## test the whole live path against a running server: make smoke URL=http://localhost:8080
	@scripts/smoke $(URL)

bench-%: ## run a benchmark: bench-callback, bench-joins, bench-endpoints, … (bench/README.md)
	@$(BIN)/python -m bench $*

lock: ## resolve the dependencies of setup.cfg again (needs uv)
	@scripts/lock

clean: ## remove the virtual environment and the caches; keep the data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
