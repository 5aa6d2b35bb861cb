PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help demo test lab build slides book clean
help: ; @echo "make demo | test | lab | build | slides | book | clean   (the README says what each does)"
.venv/installed: pyproject.toml ; @echo "Installing into .venv, once; this takes a few minutes" && $(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --editable ".[dev]" && touch $@
demo: .venv/installed ; .venv/bin/course demo
test: .venv/installed ; .venv/bin/python -m pytest
lab: .venv/installed ; .venv/bin/jupyter lab --LabApp.app_settings_dir=lab notebooks/
build: .venv/installed ; .venv/bin/course build
slides/node_modules: slides/package-lock.json ; npm ci --silent --prefix slides && touch $@
slides: .venv/installed slides/node_modules ; .venv/bin/python slides/build.py && touch slides/build/.done
slides/build/.done: .venv/installed slides/node_modules $(wildcard slides/*.md slides/*.py slides/*.css slides/handouts/*.md solutions/*/*.ipynb) ; .venv/bin/python slides/build.py && touch $@
book: .venv/installed slides/build/.done ; rm -rf book/build && .venv/bin/python book/stage.py book/build/source && .venv/bin/sphinx-build -q -W --keep-going -c book book/build/source book/build/html && echo "open book/build/html/index.html"
clean: ; rm -rf .venv demo build slides/build slides/node_modules book/build *.egg-info .pytest_cache .ruff_cache
