PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help demo test lab build slides clean
help: ; @echo "make demo | test | lab | build | slides | clean   (the README says what each does)"
.venv/installed: pyproject.toml ; @echo "Installing into .venv, once; this takes a few minutes" && $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --editable ".[dev]" && touch $@
demo: .venv/installed ; .venv/bin/course demo
test: .venv/installed ; .venv/bin/python -m pytest
lab: .venv/installed ; .venv/bin/jupyter lab notebooks/
build: .venv/installed ; .venv/bin/course build
slides/node_modules: slides/package-lock.json ; npm ci --silent --prefix slides && touch $@
slides: .venv/installed slides/node_modules ; .venv/bin/python slides/build.py
clean: ; rm -rf .venv demo build slides/build slides/node_modules *.egg-info .pytest_cache .ruff_cache
