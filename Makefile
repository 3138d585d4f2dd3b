# The front door. Everything here is a short name for something in scripts/, bench/ or cmake.

.DEFAULT_GOAL := help
.PHONY: help setup build root run up-distributed up-hardened test test-rootless test-cgroup2 test-runtimes test-sanitizers fuzz soak chaos bench bench-scale lint \
	format clean root-for-test root-for-bench root-for-soak root-for-chaos root-for-test-runtimes
# Steps print their progress in order, and each uses all cores itself.
.NOTPARALLEL:

JOBS ?= $(shell nproc)
export JOBS
PYTHON := /usr/bin/python3

help: ## show this
	@echo 'codeapi: runs untrusted code in fresh, locked cells.'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is needed from Debian 12 (nothing to do: one line)
	@scripts/setup.sh

build: setup ## build/release/codeapi
	@scripts/build.sh release codeapi

root: build ## the languages and packages that programs see, into build/root; PROFILE=core, full or test
	@scripts/build-root.sh $(or $(PROFILE),core)

run: ## set up, build, start the service on 127.0.0.1:3112 and run an example through it
	@scripts/run.sh

up-distributed: ## the service as many processes on loopback (Redis, S3, file server, 2 APIs, 3 workers) until Ctrl-C
	@scripts/up-distributed.sh

up-hardened: ## the service in hardened mode on loopback (each role a process and a user of its own) until Ctrl-C
	@scripts/up-hardened.sh

test: root-for-test setup ## set up, build and run every test
	@scripts/build.sh release
	@scripts/build-root.sh test build/test-root
	@ctest --test-dir build/release --output-on-failure --no-tests=error -j $(JOBS)
	@$(PYTHON) -m pytest tests

test-rootless: setup ## run the black-box tests with servers of an ordinary user, without root and cgroups
	@scripts/test-rootless.sh

test-sanitizers: root-for-test setup ## run unit and API tests under ASan and UBSan, then under TSan
	@scripts/test-sanitizers.sh

test-cgroup2: ## prove cgroup v2 on Debian's cloud kernel in an emulated guest (about a minute)
	@scripts/test-cgroup2.sh

test-runtimes: root-for-test-runtimes build ## the runtimes' own test suites inside cells and beside them (about ten minutes)
	@$(PYTHON) tests/runtimes/run.py $(ARGS)

soak: root-for-soak build ## 10,000 executions of every kind, then look for leaks; ARGS='--executions 1500'
	@$(PYTHON) tests/soak/soak.py $(ARGS)

chaos: root-for-chaos build ## kill, stop, cut off and fill up a distributed set-up under load; ARGS='--rounds 10 --seed 1'
	@$(PYTHON) tests/chaos/chaos.py $(ARGS)

fuzz: setup ## fuzz what strangers' bytes reach, a minute per target; longer: make fuzz SECONDS=600
	@scripts/fuzz.sh $(SECONDS)

bench: root-for-bench build ## measure; more: make bench ARGS='--write docs/benchmarks.md'
	@$(PYTHON) bench/bench.py $(ARGS)

bench-scale: build ## one API over Redis with 1, 2, 4 workers, and what the queue alone carries; shorter: ARGS=--quick
	@scripts/build.sh release redis_job_queue_bench
	@echo 'bench-scale: the queue by itself' >&2
	@build/release/redis_job_queue_bench
	@$(PYTHON) bench/scale.py $(ARGS)
	@echo 'bench-scale: what the egress gateway adds' >&2
	@$(PYTHON) bench/gateway.py $(ARGS)

lint: build ## clang-format, clang-tidy, shellcheck, include directions; ARGS=--changed: only what git sees changed
	@scripts/lint.sh $(ARGS)

format: ## format the C++ sources in place
	@find src -name '*.h' -o -name '*.cc' | xargs --no-run-if-empty clang-format-19 -i

clean: ## remove everything that was built
	@rm -rf build

# Before anything else is done, not after minutes of building.
root-for-test root-for-bench root-for-soak root-for-chaos root-for-test-runtimes:
	@scripts/need-root.sh $(@:root-for-%=%)
