# Every target sets up what it needs, on a machine that has Python and pip: demo and serve in .venv-light (Python
# 3.10-3.13), which has what runs on a CPU and no more; the others in .venv (3.10-3.12), which has everything.
PYTHON ?= python3
LIGHT := .venv-light
FULL := .venv
BIN := $(FULL)/bin

.PHONY: setup demo test check docs serve lock clean

setup: $(FULL)/.ready

$(LIGHT)/.ready: requirements.lock
$(FULL)/.ready: requirements-dev.lock

%/.ready: pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/pip install --quiet --require-hashes -r $(filter %.lock,$^)
	$*/bin/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

demo: $(LIGHT)/.ready
	$(LIGHT)/bin/python -m east detect demo --draw demo-output --format csv

serve: $(LIGHT)/.ready
	$(LIGHT)/bin/python -m serving

test: $(FULL)/.ready
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --ignore tests/test_on_ray.py
	$(BIN)/python -m pytest tests/test_on_ray.py # a cluster wants the machine for itself

check: $(FULL)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory docs

docs: $(FULL)/.ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean --strict

LOCKED := uv pip compile --universal --python-version 3.10 --group build --generate-hashes --no-header pyproject.toml
lock:
	$(LOCKED) --extra serve -o requirements.lock
	$(LOCKED) --extra dev -o requirements-dev.lock

clean:
	rm -rf $(LIGHT) $(FULL) demo-output dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
