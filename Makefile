# `make demo` and `make test` work on a bare machine with Python (>= 3.11) and pip.
PYTHON ?= python3
BIN := .venv/bin

# Two test processes with a thread each: threads that wait for each other by spinning cost more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: demo test test-slow test-slurm soak fuzz lint types check benchmark figures clean

demo: .venv/ready  ## environment, install, main job on the bundled sample
	$(BIN)/glasscast demo --out demo

test: .venv/ready  ## environment, install, tests
	$(PYTEST)

test-slow: .venv/ready
	$(PYTEST) -m slow

test-slurm: .venv/ready  ## a real Slurm of one node; root, and Debian's slurmctld slurmd slurm-client munge
	EXTRAS=dev,cluster PYTHON=$(PYTHON) sh scripts/setup.sh
	scripts/slurm_node.sh run .slurm env $(PYTEST) -n 0 -m slurm -rs

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy

soak: .venv/ready  ## kills, signals and races, many of each; at most 30 minutes
	timeout 1800 $(PYTEST) -m "slow or not slow" -rP tests/cli/test_kill.py tests/cli/test_races.py \
	    tests/cli/test_interruption.py

fuzz: .venv/ready  ## spoiled and forged files for every reader, 1500 each with a fixed seed; 60 minutes at most
	timeout 3600 $(BIN)/python -m tests.fuzz

check: lint types test

figures: .venv/ready  ## every figure of the papers at sample scale, and their pages in the docs
	$(BIN)/glasscast reproduce --out figures
	$(BIN)/python scripts/gallery.py figures figures-T0.44 docs

benchmark: .venv/ready
	$(BIN)/python benchmarks/run.py

.venv/ready: pyproject.toml constraints.txt scripts/setup.sh
	PYTHON=$(PYTHON) sh scripts/setup.sh
	touch $@

clean:
	rm -rf .venv demo
