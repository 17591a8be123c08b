# make demo: set-up, then split a real network over emulated boards.  make test: set-up, then the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= mixed8
PYTEST_WORKERS ?= 2
RUNS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test test-slow lint bench-kernels bench-solver kernel-mix kernel-fleets check-kernels profiles models-table firmware generate faults fuzz clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: tools $(VENV)/installed ## install everything that is needed

tools:
	@.ci/install_tools.sh || echo "going on without emulated boards" >&2

$(VENV)/installed: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,plot]'
	touch $@

demo: setup ## solve a shipped instance and run the plan on emulated boards (local processes without QEMU)
	@PATH="$(abspath $(BIN)):$$PATH" .ci/demo.sh $(DEMO)

test: setup ## run the tests
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS)

test-slow: setup ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: setup ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror

bench-kernels: setup ## count the instructions of the kernels on the emulated boards, to results/kernels/
	$(BIN)/python -m tests.benchmarks.kernel_counts results/kernels

kernel-mix: setup ## count what instructions the hottest kernels consist of, to results/kernels/
	$(BIN)/python -m tests.benchmarks.kernel_mix results/kernels

kernel-fleets: setup ## solve shipped fleets with portable kernels and with their own, to results/kernels/
	$(BIN)/python -m tests.benchmarks.kernel_fleets results/kernels

check-kernels: setup ## compare thousands of cases of every kernel on the emulated cores, to results/kernels/
	$(BIN)/python -m tests.benchmarks.kernel_checks results/kernels

profiles: setup ## measure the emulated boards and rewrite profiles/
	$(BIN)/planner profile --all

bench-solver: setup ## time the search on the shipped instances, to results/solver/
	$(BIN)/python -m tests.benchmarks.solver results/solver

models-table: setup ## run every model on emulated boards and rewrite results/models/
	$(BIN)/python -m tests.benchmarks.models results/models

firmware: setup ## build the firmware of BOARD, as in: make firmware BOARD=mps2-an500
	$(BIN)/planner firmware $(BOARD)

generate: setup ## rewrite what follows from planner/planfmt/layout.py
	$(BIN)/python -m planner.planfmt.generate

faults: setup ## run over faulty lines, 1000 times a small network and 20 times a real one, and write results/faults/
	$(BIN)/python -m tests.benchmarks.faults results/faults/small.md small 1000
	$(BIN)/python -m tests.benchmarks.faults results/faults/large.md large 20
	$(BIN)/python -m tests.benchmarks.faults results/faults/emulated.md emulated 20

fuzz: tools ## feed RUNS random plans and frames to the runtime under sanitizers
	tests/fuzz/run.sh $(RUNS) plan_load
	tests/fuzz/run.sh $(RUNS) frame
	tests/fuzz/run.sh $(RUNS) stream

clean: ## remove what was built
	rm -rf $(VENV) build runtime_c/build
