# make quickstart   train, measure, export and draw a small saliency model
# make test         lint and run the tests
# make test-long    run the tests that make test leaves out
# make test-lowest  run the tests with the lowest versions of all libraries
# make test-beam    run the tests that need Apache Beam, in an environment that has it
# make bench        time the losses, as multiples of what they are compared with
# make soak         kill trainings, fuzz files and serve for hours: what tests do for seconds
# make stub         write what type checkers read of metricfit.losses
# All make .venv first, from any Python >= 3.11.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: quickstart test test-long test-lowest test-beam soak-beam coverage lint types mutants soak bench stub clean

quickstart: $(VENV)/installed
	$(BIN)/metricfit quickstart

# A file a process, in the order of tests/conftest.py: the longest first.
IN_TWO := --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest $(IN_TWO) -m "not long" $(PYTEST)

# The tests that `make test` leaves out, for it would take longer than a quarter of an hour with them.
test-long: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(IN_TWO) -m long $(PYTEST)

# The same, with the share of lines that the tests run.
coverage:
	$(MAKE) test PYTEST="--cov --cov-report=term:skip-covered"

# With the lowest versions that setup.cfg allows, in an environment of their own; PYTEST=tests/losses runs some.
LOWEST := .venv-lowest
test-lowest: $(LOWEST)/installed
	mkdir -p $(LOWEST)/link && ln -sfn ../.. $(LOWEST)/link/metricfit
	PYTHONPATH=$(CURDIR)/$(LOWEST)/link $(LOWEST)/bin/python -m pytest $(IN_TWO) $(PYTEST)

$(LOWEST)/installed: setup.cfg tests/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --constraint tests/lowest.txt --editable '.[photos,dev,imagenet,imagenet_large,serve]'
	$(LOWEST)/bin/python -m pip install --quiet --no-deps 'pysodmetrics>=1.6'
	touch $@

# Apache Beam needs other versions of Pillow and protobuf, so it has an environment of its own.
BEAM := .venv-beam
test-beam: $(BEAM)/installed
	PYTHONPATH=$(CURDIR)/$(BEAM)/link $(BEAM)/bin/python -m pytest $(or $(PYTEST),tests/app/beam)

soak-beam: $(BEAM)/installed
	PYTHONPATH=$(CURDIR)/$(BEAM)/link $(BEAM)/bin/python -m tests.soak.beam

$(BEAM)/installed: setup.cfg
	$(PYTHON) -m venv $(BEAM)
	$(BEAM)/bin/python -m pip install --quiet --editable '.[dev,beam]'
	mkdir -p $(BEAM)/link && ln -sfn ../.. $(BEAM)/link/metricfit
	touch $@

# Break lines one at a time and see tests fail; make mutants ONLY=trainers/models takes those of some files.
mutants: $(VENV)/installed-dev
	$(BIN)/python tests/mutants.py --jobs 2 $(ONLY)

# Each says one line a try and at last how many passed; make soak ONLY=kills runs one of them.
SOAKS = $(if $(ONLY),$(ONLY),$(filter-out __init__,$(basename $(notdir $(wildcard tests/soak/*.py)))))
soak: $(VENV)/installed-dev
	for name in $(SOAKS); do $(BIN)/python -m tests.soak.$$name || exit; done

lint: $(VENV)/installed-dev types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	# The package is called as in users' programs, whatever this folder is called.
	mkdir -p $(VENV)/types && ln -sfn ../.. $(VENV)/types/metricfit
	cd $(VENV)/types && ../bin/mypy --config-file metricfit/setup.cfg -p metricfit

bench: $(VENV)/installed
	for task in saliency segmentation detection; do $(BIN)/metricfit bench losses --task $$task || exit; done

stub: $(VENV)/installed-dev
	$(BIN)/python -m tests.losses.stub
	$(BIN)/ruff format --quiet losses/__init__.pyi
	$(BIN)/ruff check --quiet --fix losses/__init__.pyi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "metricfit needs Python 3.11 or newer, $(PYTHON) is `$(PYTHON) --version`: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[photos,imagenet]'
	touch $@

# pysodmetrics comes without its dependencies, see setup.cfg.
$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[photos,dev,imagenet,imagenet_large,serve]'
	$(BIN)/python -m pip install --quiet --no-deps 'pysodmetrics>=1.6'
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) $(BEAM) build *.egg-info
