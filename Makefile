# Everything a developer types. Each target brings what it needs: on a machine with Python 3.11,
# make and git nothing has to be installed by hand, and nothing is installed outside this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
UV := .tools/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
MEMBERS := libs/contracts libs/messaging libs/platform services/vehicle services/payment services/gateway devstack
STAMP := .venv/.locked

export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(UV):
	@echo "installing uv $(UV_VERSION) into .tools/"
	@$(PYTHON) -m venv .tools/uv-$(UV_VERSION)
	@.tools/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.txt

$(STAMP): $(UV) requirements.lock $(MEMBERS:%=%/pyproject.toml)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

.PHONY: install
install: $(STAMP) ## make .venv from the lock

.PHONY: lock
lock: $(UV) ## resolve requirements.lock anew, keeping what still fits
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --group dev pyproject.toml \
	  $(patsubst %,--no-emit-package autodeal-%,contracts messaging platform vehicle payment gateway devstack) \
	  --no-annotate --custom-compile-command 'make lock' --output-file requirements.lock $(LOCK_FLAGS)

.PHONY: upgrade
upgrade: ## resolve requirements.lock to the newest versions
	@$(MAKE) lock LOCK_FLAGS=--upgrade
