# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. Each prepares what it needs by tools/setup.sh, so a fresh checkout needs no other step.

BOARD  ?= mps2-an386
MODEL  ?= runs/demo
BUDGET ?= budget.toml
OPTIMISE ?= balanced
MODELS ?= ../shared/data/models
RUNS   ?= runs/series
DATA   ?= $(firstword $(wildcard ../shared/data/speech_commands_v0.01) corpora/synth)

PYTHON  := .venv/bin/python
SUBBYTE := .venv/bin/subbyte
# How the streaming network is trained; the weights' width and recipe come with each run.
STREAM  := --stream-hours 40 --qat-epochs 4 --threads 1 --device cpu
# DRY_RUN=1 shows the command of a programmer instead of running it.
DRY     := $(if $(filter-out 0,$(DRY_RUN)),--dry-run)
# A budget that somebody names must exist; the default one counts where it stands.
LIMITS  := $(if $(filter-out file,$(origin BUDGET))$(wildcard $(BUDGET)),--budget "$(BUDGET)")
# CHECK=1 holds a fresh benchmark against the committed one instead of writing it anew.
BENCH_TO := $(if $(filter-out 0,$(CHECK)),--check docs/benchmarks.json,--out docs)

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types golden bench series stream widths costs flash report budget verify setup-demo setup-test clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: BOARD=$(BOARD) MODEL=$(MODEL) BUDGET=$(BUDGET) OPTIMISE=$(OPTIMISE) DRY_RUN=1"

demo: setup-demo  ## speech -> trained network -> C -> firmware -> emulated Cortex-M4, in one go
	@tools/demo.sh

test: setup-test  ## all tests
	$(PYTHON) -m pytest -q -n 2 --dist loadfile $(PYTEST)

check: lint types test  ## format, lint, types and tests: what a change must pass

format: setup-test  ## rewrite Python files in the house's format
	$(PYTHON) -m ruff format toolchain tests
	$(PYTHON) -m ruff check --fix toolchain tests

lint: setup-test  ## formatting and ruff's rules
	$(PYTHON) -m ruff format --check toolchain tests
	$(PYTHON) -m ruff check toolchain tests

types: setup-test  ## mypy --strict
	$(PYTHON) -m mypy

golden: setup-test  ## rewrite tests/golden from today's generator; review the diff
	$(PYTHON) -m pytest -q tests/golden --rewrite-golden

bench: setup-demo  ## our engine on benchmark networks, every core, beside its peers: writes docs/benchmarks.* [CHECK=1]
	$(SUBBYTE) bench --models "$(MODELS)" $(BENCH_TO)

series: setup-demo  ## accuracy over the width of the weights, days of training that go on where they stopped: RUNS=… DATA=…
	$(SUBBYTE) series ds_cnn_s pless_sweep_wm1.25_5 --data "$(DATA)" -o "$(RUNS)" --page docs/reproduction.md

stream: setup-demo  ## the streaming network in float and, two-stage, at 8, 5, 4 and 1 bits; its DET curves: RUNS=… DATA=…
	$(SUBBYTE) train stream_250k --data "$(DATA)" -o "$(RUNS)/stream_float" $(STREAM) --epochs 60 --lr 0.05 --qat-lr 0.0005
	for bits in 8 5 4 1; do $(SUBBYTE) train stream_250k --data "$(DATA)" -o "$(RUNS)/stream_two_stage_$$bits" $(STREAM) \
	  --from "$(RUNS)/stream_float" --recipe two-stage --weight-bits $$bits --epochs 20 --lr 0.02 || exit; done
	$(SUBBYTE) eval "$(RUNS)/stream_float@float" $(foreach bits,8 5 4 1,"$(RUNS)/stream_two_stage_$(bits)") --data "$(DATA)" \
	  --det --hours 10 --fah 50 --svg docs/det_stream_250k.svg --csv "$(RUNS)/stream_det.csv"

widths: setup-demo  ## what weights of 8 to 1 bits cost on each core, every byte compared: MODEL=…, writes docs/widths.md
	$(SUBBYTE) widths "$(MODEL)" --optimise $(OPTIMISE) --page docs/widths.md \
	  --board mps2-an385,mps2-an386,mps2-an500,mps2-an505,mps3-an547

costs: setup-demo  ## measure every kernel on every core: writes toolchain/export/c/costs/*.toml
	$(PYTHON) -m toolchain.bench.costs

flash: setup-demo  ## check, build, and program BOARD with MODEL (an emulated board is started): BOARD=… MODEL=… [DRY_RUN=1]
	$(SUBBYTE) flash "$(MODEL)" --board "$(BOARD)" --optimise $(OPTIMISE) $(LIMITS) $(DRY)

report: setup-demo  ## size and cost of MODEL on BOARD, layer by layer
	$(SUBBYTE) report "$(MODEL)" --board "$(BOARD)" --optimise $(OPTIMISE)

budget: setup-demo  ## hold MODEL on BOARD against BUDGET: exit 1 and what is over
	$(SUBBYTE) check "$(MODEL)" --board "$(BOARD)" --optimise $(OPTIMISE) --budget "$(BUDGET)"

verify: setup-demo  ## every judge over the same inputs
	$(SUBBYTE) verify "$(MODEL)" --board "$(BOARD)" --optimise $(OPTIMISE) --samples 100

setup-demo:
	@tools/setup.sh demo

setup-test:
	@tools/setup.sh test

clean:  ## remove what was built; runs and corpora stay
	rm -rf build dist

distclean: clean  ## remove the virtual environment as well; runs and corpora stay
	rm -rf .venv
