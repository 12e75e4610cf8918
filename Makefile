# make demo         the environment, then the simulated cell, the detector and a controller
# make test         the environment, then the whole test suite
# make test-oldest  the unit tests with the oldest versions a robot has; Python 3.12 at most
# make lint         ruff and mypy
# make bench        latency and throughput, beside a straightforward node
# make chaos        what every item gets under one fault after another; 20 minutes
# make soak         four cameras under load for half an hour: is every item answered once, in time
# make fuzz         100,000 messages that are no messages; 10 minutes
# make gpu-check    TensorRT on this machine's GPU; with the PYTHON that has it, no environment
# make lock         pins the newest versions in requirements/lock*.txt
# make clean        removes the environments and what was built

SHELL := /bin/bash
VENV := .venv
OLDEST := .venv-oldest
MAKE_ENV = $(PYTHON) tools/make_env.py

# The first interpreter here that the ROS wheels are made for and that can make environments.
PYTHON ?= $(or $(shell for python in python3 python3.12 python3.11 python3.13; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$python && break; done), \
	$(error no Python 3.11 to 3.13 with venv here: sudo apt install python3-venv python3-dev))

# The environment is complete in itself: a sourced ROS must not mix into it.
unexport PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST

.PHONY: help env training demo test test-oldest lint bench chaos soak fuzz gpu-check lock clean
.NOTPARALLEL:
help:
	@sed -n 's/^# make/make/p' Makefile

env: $(VENV)/.interfaces $(VENV)/.damage_perception
training: $(VENV)/.training

$(VENV)/.packages: requirements/lock.txt
	@$(MAKE_ENV) $(VENV) packages --lock $<
	@touch $@

$(VENV)/.interfaces: $(VENV)/.packages $(shell find damage_perception_msgs -type f)
	@$(MAKE_ENV) $(VENV) interfaces
	@touch $@

$(VENV)/.damage_perception: $(VENV)/.packages setup.py setup.cfg pyproject.toml
	@$(MAKE_ENV) $(VENV) damage_perception
	@touch $@

$(VENV)/.training: $(VENV)/.packages requirements/lock-training.txt requirements/torch.txt
	@$(MAKE_ENV) $(VENV) packages --lock requirements/lock-training.txt
	@$(MAKE_ENV) $(VENV) packages --lock requirements/torch.txt \
		--index https://download.pytorch.org/whl/cpu
	@touch $@

$(OLDEST)/.packages: requirements/lock-oldest.txt
	@$(MAKE_ENV) $(OLDEST) packages --lock $<
	@touch $@

demo: env
	@$(VENV)/bin/damage-perception demo

test: env training
	@$(VENV)/bin/python -m pytest

test-oldest: $(OLDEST)/.packages
	@$(OLDEST)/bin/python -m pytest

lint: env training
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy

bench: env
	@$(VENV)/bin/python -m benchmarks
	@$(VENV)/bin/python -m benchmarks.beside

chaos: env
	@$(VENV)/bin/python -m benchmarks.chaos --write-docs

soak: env
	@$(VENV)/bin/python -m benchmarks.soak

fuzz: env
	@$(VENV)/bin/python -m benchmarks.fuzz

gpu-check:
	@$(PYTHON) -m benchmarks.gpu

UV_COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --fork-strategy fewest --upgrade \
	--custom-compile-command "make lock"
lock: $(VENV)/.packages
	@$(UV_COMPILE) --python-version 3.11 --extra barcodes --extra evaluation --extra fleet --extra gallery --extra records \
		--extra review --extra security --extra simulation --extra tensorrt-rtx --extra test --extra lint setup.py requirements/ros-jazzy.txt --output-file requirements/lock.txt
	@$(UV_COMPILE) --python-version 3.11 --extra training --torch-backend cpu \
		--constraint requirements/lock.txt --constraint requirements/torch.txt \
		--no-emit-package torch setup.py --output-file requirements/lock-training.txt
	@$(UV_COMPILE) --python-version 3.10 requirements/oldest.txt \
		--output-file requirements/lock-oldest.txt

clean:
	rm -rf $(VENV) $(OLDEST) build install log out *.egg-info
