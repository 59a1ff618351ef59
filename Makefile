# Every target builds .venv from the hashed lock files when needed; Python >= 3.11 and make are all it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
WARM := $(VENV)/.warm

.PHONY: demo test lint docs links bench chaos clean
.DEFAULT_GOAL := test

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Adjudge needs Python 3.11 or later; say make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# Not left to the first import: where PYTHONDONTWRITEBYTECODE is set, each start of a process would take 2.5 s longer.
	-$(BIN)/python -m compileall -q -j 2 $(VENV)/lib
	@touch $(STAMP)

$(WARM): $(STAMP) $(wildcard $(foreach package,schemas engine consumers scripts,$(package)/*.py $(package)/*/*.py))
	$(BIN)/python -m compileall -q -j 2 schemas engine consumers scripts
	$(BIN)/python -m engine.warming
	@touch $(WARM)

demo: $(WARM)  ## Local Kafka, topics, sample campaigns, traffic, engine, audit; then ends
	$(BIN)/adjudge demo --requests $(or $(REQUESTS),20000)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(STAMP)  ## Lint, types, unit, property, simulation and real-Kafka tests: 8 to 11 minutes on two cores
	@$(MAKE) --no-print-directory --jobs 2 lint $(WARM)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

docs: $(STAMP)  ## The site, in build/docs/index.html; a broken link or a wrong example fails it
	$(BIN)/python -m sphinx -W --keep-going -q -b doctest -c docs . build/doctest
	$(BIN)/python -m sphinx -W --keep-going -q -b html -c docs . build/docs

links: $(STAMP)  ## Follow the links that leave the site: the only target of docs that needs the network
	$(BIN)/python -m sphinx -W --keep-going -q -b linkcheck -c docs . build/links

chaos: $(WARM)  ## The long campaigns: more kills, more races, more generated cases
	ADJUDGE_TEST_PROFILE=chaos $(BIN)/python -m pytest tests

bench: $(WARM)
	$(BIN)/adjudge bench core
	$(BIN)/adjudge bench catalog
	$(BIN)/adjudge bench pipeline

clean:  ## The environment, and what was compiled by any version
	rm -rf $(VENV)
	find engine -name '*.nb[ci]' -delete
