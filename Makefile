# `make demo` and `make test` need nothing but Python >= 3.11 with venv; everything goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_RUN := runs/demo
# Files of tests at once; each process makes the runs that its tests share for itself.
TESTS_AT_ONCE ?= 2
FUZZ_SECONDS ?= 120
FUZZ_SEED ?= 0
PYTEST := $(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile --durations 15
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: help demo test check bench quality spark spark-local flink prism dataflow faults fuzz clean
help:
	@echo "make demo    install into $(VENV), build a corpus from the bundled pages, print its statistics"
	@echo "make test    install, pass the tests"
	@echo "make check   format, lint, types, import arrows, tests"
	@echo "make bench   one command per claim: ours and the peer in one run"
	@echo "make quality the tables of docs/quality.md again; DATA=../shared/data"
	@echo "make fuzz    damaged inputs, models, recipes and files of the demo's run; FUZZ_SECONDS=120, FUZZ_SEED=0"
	@echo "make faults  builds that are killed, terminated, damaged, and continued"
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
	$(PYTEST)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

# Tables on data of others: docs/quality.md.
quality: $(VENV)/dev.stamp
	$(BENCH)/make_quality.py $(DATA)

# Those without a file need nothing but this repository. DATA is a folder of test data that is no part of it (README of each
# benchmark), DATATROVE and TEXT_DEDUP the Pythons of benchmarks/peers/install.sh; without them what needs them is left out.
DATA ?= ../shared/data
DATATROVE ?=
TEXT_DEDUP ?=
BENCH := $(BIN)/python benchmarks
bench: $(VENV)/dev.stamp
	@echo "extract takes at most 1.20 times as long as trafilatura alone; 2.5 times as fast where 80 % are in other languages"
	$(BENCH)/bench_extract.py
	@echo "the helper process takes at most 1.05 times as long as extraction in-process"
	$(BENCH)/bench_helper.py
	@echo "title, author and day add at most 3 % to extraction"
	$(BENCH)/bench_metadata.py
	@echo "the language screen loses at most one in a thousand sure documents, and drops nine tenths of the others"
	$(BENCH)/bench_language_screen.py
	@echo "signatures equal to datasketch's, at many times its speed"
	$(BENCH)/bench_signature.py
	@echo "selection in a few microseconds and bytes a document, whatever their number"
	$(BENCH)/bench_selection.py --documents 1000000
	@echo "a plan calibrated on the demo says what the demo's build gives and takes"
	$(BENCH)/bench_plan.py
	@echo "all signals and rules at many times the speed of datatrove's four filters, verdicts equal"
	$(BENCH)/bench_signals.py $(if $(DATATROVE),--datatrove $(DATATROVE))
	@echo "personal data: what is found in labelled cases, in time linear in the text"
	$(BENCH)/bench_pii.py
	@echo "a quality classifier tells main texts from boilerplate it has not seen"
	$(BENCH)/bench_classifier.py examples/demo/docs-0.warc.gz
	@echo "perplexity as KenLM itself has it"
	$(BENCH)/bench_perplexity.py examples/demo/docs-0.warc.gz
	@echo "the feed copies tokens as fast as memory gives them"
	$(BENCH)/bench_feed.py
	@echo "twice the input takes the same memory within 15 %"
	$(BENCH)/bench_memory.py
	@echo "a worker over one file of 2 GB takes at most 1 GiB (a quarter of an hour)"
	$(BENCH)/bench_memory.py --large 2000000000
ifneq ($(wildcard $(DATA)/extraction/gold.jsonl),)
	@echo "pages in thirty charsets, most declared wrongly, are read as they were written"
	$(BENCH)/bench_charsets.py $(DATA)
	@echo "main text is better than every setting of trafilatura"
	$(BENCH)/bench_extraction_quality.py $(DATA)/extraction
	$(BENCH)/bench_choice.py $(DATA)/extraction $(DATA)/extraction2 --worst 20
	@echo "what each line rule does to that score"
	$(BENCH)/bench_line_rules.py $(DATA)/extraction
	@echo "language identification is nowhere below the bare model, and .99 for the marked languages"
	$(BENCH)/bench_language.py $(DATA)/lid
	@echo "near-duplicates against the exact similarities of all pairs; the intervals of corpus dedup report hold what is so"
	$(BENCH)/bench_duplicates.py $(DATA)
	@echo "near-duplicates in a twentieth of the time of datatrove's four stages, a tenth of text-dedup's (minutes)"
	$(BENCH)/bench_minhash_peers.py $(DATA)/text $(if $(DATATROVE),--datatrove $(DATATROVE)) $(if $(TEXT_DEDUP),--text-dedup $(TEXT_DEDUP))
	@echo "decontamination finds planted questions, in a fraction of the time of extract's measuring"
	$(BENCH)/bench_decontamination.py $(DATA)
endif
ifneq ($(DATATROVE),)
	@echo "WARC files to verdicts at 2.5 times the speed of datatrove's chain (docs/parity.md: where it is not reached)"
	$(BENCH)/bench_datatrove.py --datatrove $(DATATROVE) $(wildcard $(DATA)/pages/*.warc.gz)
	@echo "the profile parity decides as datatrove's filters do"
	$(BENCH)/diff_datatrove.py --datatrove $(DATATROVE) --language en --input $(firstword $(wildcard $(DATA)/text/*.jsonl.gz))
endif

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

# In an environment of its own: the client libraries are many, and nothing else needs them.
$(VENV)-gcp/stamp: locks/runtime.txt pyproject.toml
	@$(PYTHON) -m venv $(VENV)-gcp
	@$(VENV)-gcp/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/runtime.txt
	@$(VENV)-gcp/bin/python -m pip install --quiet --disable-pip-version-check "apache-beam[gcp]==2.77.0" gcsfs pytest
	@touch $@

dataflow: $(VENV)-gcp/stamp
	PYTHONPATH=. $(VENV)-gcp/bin/python -m pytest -q -o addopts=--import-mode=importlib tests/test_dataflow.py

# Random kills and every named fault; some mount a small file system, where that is allowed.
faults: $(VENV)/runtime.stamp
	$(BIN)/python benchmarks/faults.py $(FAULTS)

# What breaks something is saved in fuzz-found/.
fuzz: $(VENV)/runtime.stamp
	$(BIN)/corpus build examples/demo/recipe.toml --run-dir $(DEMO_RUN)
	$(BIN)/python benchmarks/fuzz.py --run $(DEMO_RUN) --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

clean:
	rm -rf $(DEMO_RUN) .pytest_cache .mypy_cache .ruff_cache .hypothesis
