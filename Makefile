# make demo | test | lint | docs | clean | help.  PYTHON=python3.12 chooses the interpreter of .venv.
VENV := .venv

# Without PYTHON=, the interpreter of an existing .venv stays.
made_with := $(shell cat $(VENV)/.made-with 2>/dev/null)
PYTHON ?= $(or $(made_with),python3)

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test lint docs clean help other-python
.NOTPARALLEL:

demo: $(VENV)/.installed
	$(VENV)/bin/python run_word2vec.py --loss=nce

# --no-loadscope-reorder: files with few tests of processes take longest, so they must not come last.
test: $(VENV)/.installed-test
	$(VENV)/bin/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder tests $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	$(VENV)/bin/python -m ruff check --quiet .
	@if $(VENV)/bin/python -c 'import mypy' 2>/dev/null; then set -x; $(VENV)/bin/python -m mypy; \
	else echo 'skipped: mypy, which needs Python 3.10'; fi
	$(VENV)/bin/python tools/parse_py37.py

docs: $(VENV)/.installed-docs
	$(VENV)/bin/python -m mkdocs build --quiet --strict
	@echo 'wrote site/index.html'

clean:
	rm -rf .venv .venv37 build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache
	rm -f bazel-*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@echo 'make demo    train word vectors on the default data: run_word2vec.py --loss=nce'
	@echo 'make test    run all tests; PYTEST_ARGS="-k losses" chooses some'
	@echo 'make lint    check the style and the types, and that all source parses as Python 3.7'
	@echo 'make docs    build the documentation: site/index.html'
	@echo 'make clean   remove $(VENV) and all build outputs'
	@echo
	@echo 'The first command installs TensorFlow and the project into $(VENV), with $(PYTHON).'
	@echo 'PYTHON=python3.12 chooses another interpreter, for example.'

# Stamps are made last, so that an interrupted installation is repeated.
$(VENV)/.installed: setup.py
	@sh tools/install.sh $@ '$(PYTHON)' -e .

$(VENV)/.installed-test: setup.py
	@sh tools/install.sh $@ '$(PYTHON)' -e '.[test]'

$(VENV)/.installed-docs: setup.py
	@sh tools/install.sh $@ '$(PYTHON)' -e '.[docs]'

ifneq ($(PYTHON),$(made_with))
$(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-docs: other-python
endif
