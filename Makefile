# One obvious way to run each thing. `make` alone lists the targets.

PYTHON ?= $(or $(shell command -v python3.11 || command -v python3),python3.11)
PYTHON := $(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
# Snakemake's jobs call `treeline`, and snakefmt calls `shfmt`.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# A stamp's name carries a checksum of what the environment was made from, because a checkout's file times mean
# nothing. No stamp: the lock has changed, or the last attempt did not finish, and the environment is made anew.
checksum = $(shell cat $(1) | cksum | cut -d ' ' -f 1)
INSTALLED := $(addprefix envs/,requirements.lock requirements.cuda.lock install.sh keep_slurm_jobs.py torchvision_cpu/torchvision_cpu.py)
ENVIRONMENT := $(VENV)/.environment-$(call checksum,$(INSTALLED))
PACKAGE := $(VENV)/.package-$(call checksum,pyproject.toml)

.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test torture slurm-test browser-test lint docs benchmark lock audit clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(PACKAGE)  ## Make .venv from the lock; instant when it is there

demo: setup  ## Start the example servers and run the whole pipeline on them
	$(BIN)/python resources/example/demo.py

test: setup  ## Run the unit and integration tests
	$(BIN)/pytest

torture: setup  ## Kill downloads 200 times, and check that nothing is lost
	TREELINE_KILLS=200 $(BIN)/pytest --numprocesses=0 --capture=no tests/torture/test_kill_downloads.py

slurm-test: setup  ## Run the pipeline and what can go wrong on a real Slurm, installed and started here; needs root
	tests/slurm/start.sh
	status=0; $(BIN)/pytest --numprocesses=0 tests/slurm || status=$$?; tests/slurm/stop.sh; exit $$status

browser-test: setup  ## Open the pages in Chromium, installed here from Debian's packages; needs root
	which chromium chromedriver >/dev/null || { apt-get update --quiet=2 && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --no-install-recommends --yes chromium chromium-driver; }
	$(BIN)/pytest --numprocesses=0 tests/browser

lint: setup  ## Check style, types, rules, and the documentation's links
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/python -m docs.site

docs: setup  ## Build the documentation as a site, build/site/index.html; a link that leads nowhere is an error
	$(BIN)/python -m docs.site

benchmark: setup  ## Measure throughput and memory
	$(BIN)/python -m tests.benchmarks.run

lock:  ## Resolve envs/requirements.in into the lock; UPGRADE="NAME ..." (or all) may take new versions
	@$(REQUIRE_PYTHON)
	envs/lock.sh $(PYTHON) $(UPGRADE)

audit: setup  ## Ask whether vulnerabilities of the locked packages are known; needs the network
	$(BIN)/python envs/audit.py envs/requirements.lock envs/requirements.cuda.lock

clean:  ## Remove results and caches; .venv stays
	rm -rf build/site results .demo .snakemake .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

define REQUIRE_PYTHON
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
    echo "Treeline needs Python 3.11, which '$(PYTHON)' is not." \
        "Say where it is: make setup PYTHON=/path/to/python3.11" >&2; \
    exit 1; }
endef

$(ENVIRONMENT):
	@$(REQUIRE_PYTHON)
	$(PYTHON) -m venv --clear $(VENV)
	envs/install.sh $(BIN)/python
	touch $@

$(PACKAGE): $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $@
