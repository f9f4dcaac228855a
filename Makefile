# Every target sets up what it needs in .venv, on a machine that has Python (3.10-3.12) and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test check serve lock clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

demo: $(READY)
	$(BIN)/python -m east detect demo --draw demo-output --format csv

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

serve: $(READY)
	$(BIN)/python -m serving

lock:
	uv pip compile --universal --python-version 3.10 --extra dev --generate-hashes --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) demo-output dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
