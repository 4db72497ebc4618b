# Needs Python 3.11 to 3.14 (with headers and venv), a C++ compiler, and no ROS. `make help`.
#
# Everything runs in a virtual environment that is set up once (build_support/set_up.py), with the
# ROS 2 wheels of Kilted, or of ROS=jazzy. The modules come live from the source tree; changed
# interfaces are compiled again by themselves.

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

ROS ?= kilted
VENV := .venv$(if $(filter-out kilted,$(ROS)),-$(ROS))
BIN := $(VENV)/bin
PYTHON ?=

export SWARM_CONSENSUS_ROS := $(ROS)
export CXX PYTHON ONLY

# DDS stays on this machine. The loopback device does not multicast, so Cyclone DDS has to be told
# whom to ask.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export CYCLONEDDS_URI := <CycloneDDS><Domain Id="any"><General><AllowMulticast>false</AllowMulticast><Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces></General><Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>99</MaxAutoParticipantIndex><Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>
export ROS_LOG_DIR := $(CURDIR)/build/ros-log

# What a ROS 2 sourced in this shell has set belongs to that one, not to the wheels.
ifneq ($(AMENT_PREFIX_PATH),)
unexport LD_LIBRARY_PATH
endif
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH ROS_DISTRO
unexport RMW_IMPLEMENTATION ROS_STATIC_PEERS ROS_LOCALHOST_ONLY

# A run starts hundreds of processes, and each would compile all our modules anew.
unexport PYTHONDONTWRITEBYTECODE

# The set-up looks at contents itself and is done in a moment when nothing has changed.
SET_UP = python=$$(sh build_support/find_python.sh) && \
	"$$python" build_support/set_up.py $(VENV)

.PHONY: help demo demo-search test bench soak lint set-up clean

help:  ## this list
	@echo 'make <target> [ROS=jazzy] [PYTHON=/path/to/python3]'
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)$$/  \1|\2/p' Makefile | \
		while IFS='|' read -r name text; do printf '%-13s %s\n' "$$name" "$$text"; done

demo:  ## five robots read road signs together; the leader is killed half-way
	@$(SET_UP) demo
	@$(BIN)/swarm demo

demo-search:  ## five robots with cameras search four rooms in a simulation, in one process
	@$(SET_UP) demo sim
	@$(BIN)/swarm sim --robots 5 --headless

# Jazzy is tested where it differs: with real nodes. Style and the rooms below are the same.
TESTS ?= $(if $(filter kilted,$(ROS)),test,$(wildcard test/node test/launch test/package))
PYTEST_ARGS ?=
# What starts no robots shares the cores. Robots mostly wait, so three files of their tests run side by
# side, but for those that measure or start many robots.
ifeq ($(TESTS),test)
RUNS := '-n auto --dist loadscope test/package test/unit test/simulation' \
	'-n 3 --dist loadfile -m not(alone) test/node test/launch' \
	'-m alone test/node'
else
RUNS := '$(TESTS)'
endif

# 5: a run in which PYTEST_ARGS choose no test.
test: $(if $(filter kilted,$(ROS)),lint)  ## lint, types and tests (TESTS=path, PYTEST_ARGS='-k name')
	@$(SET_UP) demo sim view test
	@status=0; \
	for run in $(RUNS); do \
		$(BIN)/pytest $$run $(PYTEST_ARGS) || [ $$? -eq 5 ] || status=1; \
	done; \
	exit $$status

SEEDS ?= 10000
SEED_BASE ?= 1

soak:  ## as many seeds of the simulations and of both protocols' storms as asked (SEEDS=n SEED_BASE=b)
	@$(SET_UP) demo sim view test
	@status=0; \
	$(BIN)/swarm simulate --seeds $(SEEDS) --base $(SEED_BASE) || status=1; \
	$(BIN)/swarm simulate --agreed --seeds $(SEEDS) --base $(SEED_BASE) || status=1; \
	RAFT_SEEDS=$(SEED_BASE):$(SEEDS) $(BIN)/pytest test/unit/raft/test_faults.py -n auto || status=1; \
	AGREEMENT_SEEDS=$(SEED_BASE):$(SEEDS) $(BIN)/pytest test/unit/agreement/test_storm.py -n auto || status=1; \
	exit $$status

lint:  ## ruff, and mypy --strict on everything below nodes/
	@$(SET_UP) demo sim view test
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench:  ## figures as a table and in build/bench.json (ONLY=name for one of them)
	@$(SET_UP) demo bench
	@$(BIN)/python -m bench

set-up:  ## only set up the environment
	@$(SET_UP) demo sim view test bench

clean:  ## remove everything that was made, the environments too
	rm -rf .venv .venv-* build install log *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
