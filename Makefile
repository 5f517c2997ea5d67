# `make demo` and `make test` need nothing but Python >= 3.11 with venv; everything goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_RUN := runs/demo
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: help demo test check bench spark spark-local flink prism clean
help:
	@echo "make demo    install into $(VENV), build a corpus from the bundled pages, print its statistics"
	@echo "make test    install, pass the tests"
	@echo "make check   format, lint, types, import arrows, tests"
	@echo "make bench   one command per claim: ours and the peer in one run"
	@echo "make spark   the demo on a standalone Spark master and worker, compared; also spark-local, flink, prism"

# Hashed locks, no resolver: the same packages on every machine. The second file holds the first.
$(VENV)/runtime.stamp: locks/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; PYTHON=... names another") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (about a minute the first time)"
	@$(PIP_INSTALL) --require-hashes -r locks/runtime.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp locks/dev.txt
	@$(PIP_INSTALL) --require-hashes -r locks/dev.txt
	@touch $@

demo: $(VENV)/runtime.stamp
	$(BIN)/corpus build examples/demo/recipe.toml --run-dir $(DEMO_RUN)
	$(BIN)/corpus stats $(DEMO_RUN)
	@echo
	@echo "Where to look next (see README.md):"
	@echo "  $(BIN)/corpus show $(DEMO_RUN) --dropped near_duplicate     why a page went, and what stands for it"
	@echo "  $(BIN)/corpus feed peek $(DEMO_RUN) --phase anneal          what the trainer gets"
	@echo "  $(BIN)/corpus verify $(DEMO_RUN)                            every file, row and sum"
	@echo "  docs/one-page.md                                      one page through every stage"

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/bench_signature.py
	$(BIN)/python benchmarks/bench_signals.py
	$(BIN)/python benchmarks/bench_extract.py
	$(BIN)/python benchmarks/bench_helper.py
	$(BIN)/python benchmarks/bench_feed.py
	$(BIN)/python benchmarks/bench_memory.py

# The demo on another runner must be the run that one process makes. What is fetched stays in .runners.
IN_COMPARISON = $(BIN)/python examples/runners/compare.py $@ $(COMPARE)

spark: $(VENV)/runtime.stamp
	$(IN_COMPARISON)

spark-local: $(VENV)/runtime.stamp
	$(IN_COMPARISON)

flink: $(VENV)/runtime.stamp
	$(IN_COMPARISON)

prism: $(VENV)/runtime.stamp
	$(IN_COMPARISON)

clean:
	rm -rf $(DEMO_RUN) .pytest_cache .mypy_cache .ruff_cache .hypothesis
