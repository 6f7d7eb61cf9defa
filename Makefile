# Short targets for people who do not want to remember Kedro's command line.
# Each target first makes the environment in .venv as far as it needs it: with uv where it is
# installed, otherwise with python3's own venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARAMS ?=
WORKERS ?= 2
ENGINES := empty ours ours_bounded bare scan floor duckdb_sql polars
export DO_NOT_TRACK := 1
export PYTHONPATH := src

ifneq ($(strip $(PARAMS)),)
KEDRO_PARAMS := --params "$(PARAMS)"
endif

# Files of tests run side by side (tests/conftest.py says what stays together), in the order of
# collection: whole runs, which take longest, come before the others.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# $(call install,NAME): requirements/NAME.txt into .venv; a stamp file remembers that it is done.
define install
	@if command -v uv >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); \
		uv pip install --quiet --python $(BIN)/python -r requirements/$(1).txt; \
	else \
		test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/$(1).txt; \
	fi
	@touch $@
endef

.PHONY: help segmentation spark offers run report sample-data viz viz-build picture lint format test test-fast coverage bench bench-large bench-spark bench-startup bench-roads lock clean

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

segmentation: $(VENV)/.base  ## raw files to segments; PARAMS="raw_dir=…,output_dir=…" for your own
	$(BIN)/kedro run --pipeline segmentation $(KEDRO_PARAMS)

spark: $(VENV)/.spark        ## raw files to segments on Spark (needs Java 17); PARAMS="spark_master=…" for a cluster
	$(BIN)/kedro run --env spark --pipelines segmentation $(KEDRO_PARAMS)

offers: $(VENV)/.base        ## raw files to offers, their page and the files for mailing tools
	$(BIN)/kedro run --pipelines offers $(KEDRO_PARAMS)

run: $(VENV)/.viz            ## all stages, up to the reports; ends with the page to open
	$(BIN)/kedro run $(KEDRO_PARAMS)

report: $(VENV)/.base        ## the reports alone, of what earlier runs left
	$(BIN)/kedro run --pipelines reporting --tags reporting $(KEDRO_PARAMS)

sample-data: $(VENV)/.base   ## write the synthetic raw files of data/01_raw again
	$(BIN)/kedro run --pipeline sample_data

viz: $(VENV)/.viz            ## serve the graph on http://127.0.0.1:4141
	$(BIN)/kedro viz run --host 127.0.0.1 --no-browser

viz-build: $(VENV)/.viz      ## write the graph as a static site into build/, with what the last run left
	$(BIN)/python -m tools.graph_site

picture: $(VENV)/.dev        ## take the picture of the graph again (needs chromium)
	$(BIN)/python -m tools.graph_picture

lint: $(VENV)/.dev           ## style, types and import contracts
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev         ## let ruff rewrite what it can
	$(BIN)/ruff check --fix src tests benchmarks tools
	$(BIN)/ruff format src tests benchmarks tools

test: $(VENV)/.dev           ## all tests, in WORKERS=2 processes
	$(PYTEST)

# By itself, because tracing doubles the time of the tests that it looks at.
coverage: $(VENV)/.dev       ## which lines no test of their own looks at; fails below 92%
	$(PYTEST) -m "not slow and not real_data and not browser" --cov=personal_offers --cov-report=term-missing:skip-covered

test-fast: $(VENV)/.dev      ## the tests that need neither a whole run, real tables nor a browser
	$(PYTEST) -m "not slow and not real_data and not browser"

bench: $(VENV)/.base         ## order lines to classes, 0.5 and 5 million, beside other ways; writes docs/performance.md
	$(BIN)/python -m benchmarks.suite
	$(BIN)/python -m benchmarks.report

# More turns where a run less an empty run is set beside others: a difference is less steady.
bench-large: $(VENV)/.base   ## the same with 50 million lines, with many customers, and from a raw file (1.5 hours)
	$(BIN)/python -m benchmarks.suite --lines 500000 5000000 50000000
	$(BIN)/python -m benchmarks.suite --lines 50000000 --runs 15 --contenders $(ENGINES)
	$(BIN)/python -m benchmarks.suite --lines 50000000 --runs 7 --lines-per-customer 10 --contenders $(ENGINES)
	$(BIN)/python -m benchmarks.engines --lines 50000000 --engines bounded
	$(BIN)/python -m benchmarks.report

bench-spark: $(VENV)/.spark  ## the whole road of 5 million lines on DuckDB and on Spark, compared
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.report

bench-startup: $(VENV)/.dev  ## how long commands take to start, what imports cost, and the fast tests
	$(BIN)/python -m benchmarks.startup --suite
	$(BIN)/python -m benchmarks.report

bench-roads: $(VENV)/.base   ## a sample run beside an empty run and the model fits; clusters; offers
	$(BIN)/python -m benchmarks.bench

lock:                        ## compile the pinned requirements again (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --no-annotate --quiet --custom-compile-command "make lock" -o requirements/base.txt
	uv pip compile pyproject.toml --extra viz --universal --python-version 3.11 --no-annotate --quiet --custom-compile-command "make lock" -o requirements/viz.txt
	uv pip compile pyproject.toml --extra spark --universal --python-version 3.11 --no-annotate --quiet --custom-compile-command "make lock" -o requirements/spark.txt
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate --quiet --custom-compile-command "make lock" -o requirements/dev.txt

clean:                       ## remove the environment and everything generated
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build
	rm -f .viz/stats.json .viz/kedro_pipeline_events.json
	find data -mindepth 1 -maxdepth 1 -type d ! -name 01_raw -exec rm -rf {} +

$(VENV)/.base: requirements/base.txt
	$(call install,base)

$(VENV)/.viz: requirements/viz.txt
	$(call install,viz)

$(VENV)/.spark: requirements/spark.txt
	$(call install,spark)

$(VENV)/.dev: requirements/dev.txt
	$(call install,dev)
