# `make help` lists what there is. The work itself is in tools/bootstrap.py and socialdesk/launcher/.
PYTHON ?= python3
PORT ?= 8000
# Further words for pytest: make test ARGS="tests/accounts -x"
ARGS ?=
WORKERS ?= 2

VENV := .venv/bin/python
BOOTSTRAP := $(PYTHON) tools/bootstrap.py
LOCK := env UV_NO_CONFIG=1 uv pip compile --quiet --universal --generate-hashes \
	--no-emit-index-url --python-version 3.11 --custom-compile-command "make lock"

# A check of the settings as a live installation has them, with nothing behind the addresses.
LIVE := env -u SOCIALDESK_REQUIRE_TOOLS SOCIALDESK_SECRET_KEY=made-up-for-the-check-and-long-enough-to-pass-it-0123456789abcdef \
	SOCIALDESK_RECORD_KEYS=made-up:bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzISE= \
	SOCIALDESK_CREDENTIAL_KEYS=bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzISE= \
	SOCIALDESK_BASE_URL=https://desk.example.org SOCIALDESK_PROXIES=1 \
	DATABASE_URL=postgresql://socialdesk@127.0.0.1:1/socialdesk REDIS_URL=redis://127.0.0.1:1/0 \
	SOCIALDESK_DATABASE_POOL=0

.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set everything up and serve it at http://127.0.0.1:8000 (PORT= changes that)
	@$(BOOTSTRAP) --run --port=$(PORT) --end-with-parent

test: ## run the tests, the browser ones included (ARGS= for pytest)
	@$(BOOTSTRAP) --dev
	@$(VENV) -m pytest -n $(WORKERS) --dist=loadfile -m "not matrix" --ignore=tests/real --ignore=tests/faults $(ARGS)

test-matrix: ## run the rest of the long matrices: every page in every look, every address as everybody
	@$(BOOTSTRAP) --dev
	@$(VENV) -m pytest -n $(WORKERS) --dist=loadfile -m matrix --ignore=tests/real --ignore=tests/faults $(ARGS)

test-real: ## run the main job on a real Bluesky network started on this machine
	@$(BOOTSTRAP) --dev
	@$(VENV) -m pytest -m real tests/real $(ARGS)

test-faults: ## run the kill matrix: faulty networks, and death at every point (under 10 minutes)
	@$(BOOTSTRAP) --dev --no-frontend
	@DURABLE_SERVICES=yes $(VENV) -m pytest -m faults $(or $(ARGS),tests/faults)

test-faults-long: ## the same with thousands of deliveries (FAULTS_SEED= another seed)
	@$(BOOTSTRAP) --dev --no-frontend
	@DURABLE_SERVICES=yes FAULTS_SCALE=5 $(VENV) -m pytest -m faults $(or $(ARGS),tests/faults)

test-long: ## run the property tests with thousands of examples, 10,000 hostile answers for each adapter
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=long -o timeout=3600 \
		--ignore=tests/real --ignore=tests/faults $(ARGS)

test-hostile: ## run 10,000 hostile answers into each adapter
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m pytest -n $(WORKERS) --hypothesis-profile=long $(or $(ARGS),tests/platforms/test_hostile.py \
		tests/platforms/test_plugins.py::test_the_example_stands_hostile_answers_as_ours_do)

test-platform: ## run the cases of every platform on one of your own (WORLD=package.module:Class)
	@$(BOOTSTRAP) --dev --no-frontend
	@PLATFORM_WORLD=$(WORLD) $(VENV) -m pytest -n $(WORKERS) tests/platforms/test_contract.py \
		tests/platforms/test_bad_days.py tests/platforms/test_hostile.py $(ARGS)

bench-pages: ## measure how long the server works on each page of the demo data
	@$(BOOTSTRAP) --dev
	@$(VENV) -m benchmarks.pages

bench-rights: ## measure what a permission costs with 2,000 people, 300 accounts and 40,000 grants
	@$(BOOTSTRAP) --dev
	@$(VENV) -m benchmarks.rights

bench-publish: ## measure how late and how fast posts go out (SCENARIO= for one, DURATION= for a shorter steady)
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m benchmarks.publish

bench-ingest: ## measure how fast mentions are taken in (ROUNDS=, MENTIONS= for each account)
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m benchmarks.ingest

bench-audit: ## measure what the sealed record costs and how fast a million events are checked
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m benchmarks.audit

bench-export: ## measure the memory and speed of exports of a million events, killed on the way (FORMATS=)
	@$(BOOTSTRAP) --dev --no-frontend
	@$(VENV) -m benchmarks.export

bench-record: ## measure the record page and its search over ten million events (EVENTS= for fewer)
	@$(BOOTSTRAP) --dev
	@$(VENV) -m benchmarks.record_page

coverage: ## run the tests and see that 90% of the branches of the five apps were taken
	@$(BOOTSTRAP) --dev
	@$(VENV) -m pytest -n $(WORKERS) --dist=loadfile --ignore=tests/real --ignore=tests/faults \
		--cov=accounts --cov=audit --cov=mentions --cov=operations --cov=scheduling --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)

check: ## lint, types, import contracts, migrations, settings, templates, generated docs
	@$(BOOTSTRAP) --dev
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	@$(LIVE) $(VENV) -m mypy .
	.venv/bin/lint-imports
	@$(MAKE) --no-print-directory check-django
	.venv/bin/djlint --check --quiet templates
	.venv/bin/djlint --lint --quiet templates

check-django:
	@$(LIVE) $(VENV) -W "ignore:Got an error checking" manage.py makemigrations --check --dry-run
	@$(LIVE) $(VENV) manage.py check --deploy --fail-level WARNING
	@$(LIVE) $(VENV) manage.py generate_docs --check

fmt: ## put code and templates into the project's format
	@$(BOOTSTRAP) --dev --no-frontend
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .
	-.venv/bin/djlint --reformat --quiet templates

screenshots: ## take the docs' pictures from a fresh demo (needs chromium)
	@$(BOOTSTRAP) --dev
	$(VENV) tools/screenshots.py

env: ## only set up: .venv with all tools, and the front-end bundle
	@$(BOOTSTRAP) --dev

services: ## PostgreSQL and Valkey in the background; use as: eval "$$(make -s services)"
	@$(BOOTSTRAP) --dev --no-frontend >&2
	@$(VENV) -m socialdesk.launcher services

services-stop: ## stop what `make services` started
	@$(VENV) -m socialdesk.launcher stop

key: ## print a new key for SOCIALDESK_CREDENTIAL_KEYS
	@$(PYTHON) -m socialdesk.launcher.keys

record-key: ## print a new key for SOCIALDESK_RECORD_KEYS
	@$(PYTHON) -m socialdesk.launcher.keys record

lock: ## work out the newest versions that install together, into the lock files (needs uv)
	$(LOCK) --upgrade pyproject.toml --group embedded -o requirements.lock
	$(LOCK) --upgrade pyproject.toml --group embedded --group dev -c requirements.lock \
		-o requirements-dev.lock
	$(LOCK) pyproject.toml -c requirements.lock -o requirements-server.lock
	echo uv | $(LOCK) --upgrade --no-annotate - -o requirements-tools.lock

clean: ## remove what was built and installed; the data in var/ stays
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
		.coverage* build test-results frontend/node_modules frontend/dist

.PHONY: help run test test-matrix test-platform test-real test-faults test-faults-long test-long test-hostile bench-pages bench-rights bench-publish bench-ingest bench-audit bench-export bench-record coverage check check-django fmt screenshots env services services-stop key record-key lock clean
