PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help demo test lab build clean
help: ; @echo "make demo | test | lab | build | clean   (the README says what each does)"
.venv/installed: pyproject.toml ; @echo "Installing into .venv, once; this takes a few minutes" && $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --editable ".[dev]" && touch $@
demo: .venv/installed ; .venv/bin/course demo
test: .venv/installed ; .venv/bin/python -m pytest
lab: .venv/installed ; .venv/bin/jupyter lab notebooks/
build: .venv/installed ; .venv/bin/course build
clean: ; rm -rf .venv demo build *.egg-info .pytest_cache .ruff_cache
