# Two commands to know: `make demo` and `make test`. Each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST ?= $(BIN)/pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset serve test test-long test-quick rasa test-rasa check format bench lock clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

install: $(STAMP)  ## Create .venv and install everything into it

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "需要 Python 3.11 或更新版本：请安装后再试，或 make PYTHON=/路径/python3.11 install"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "正在安装依赖（第一次约一分钟）……"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## A sample shop on this machine, no WeCom account needed
	@$(BIN)/wecom-bot demo

demo-reset: $(STAMP)  ## Forget the demo's data
	@$(BIN)/wecom-bot demo --reset

serve: $(STAMP)  ## Serve with config.yml and BOT_* from the environment
	@$(BIN)/wecom-bot serve

test: $(STAMP)  ## All tests but the long ones and those of Rasa
	@sh tests/browser/install.sh
	$(PYTEST) -m "not long"

test-long: $(STAMP)  ## Crowds of customers, killed processes, days on PostgreSQL, every page: minutes of their own
	$(PYTEST) -m long

test-quick: $(STAMP)  ## Tests without browser and PostgreSQL
	$(PYTEST) -m "not browser and not postgres and not long" --ignore tests/e2e

rasa: $(STAMP)  ## Install, train and serve Rasa on 127.0.0.1:5005 (needs Python 3.10, about 3 GB)
	$(BIN)/python -m intents.rasa up

test-rasa: $(STAMP)  ## Tests against a real Rasa server trained on our data
	$(BIN)/python -m intents.rasa install
	BOT_TEST_RASA=1 $(BIN)/pytest -m rasa tests/rasa

check: $(STAMP)  ## Style, types and the import rules of the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(STAMP)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## Measure speed; prints tables with ratios
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(STAMP)  ## Renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade -o requirements.lock

clean:  ## Remove what was built (not the data in var/)
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
