# `make help` lists what there is. Everything else is in tools/ and socialdesk/launcher/.
PYTHON ?= python3
VENV := .venv/bin/python

.DEFAULT_GOAL := help

services: ## start PostgreSQL and Valkey in the background; use as: eval "$$(make -s services)"
	@$(VENV) -m socialdesk.launcher services

services-stop: ## stop what `make services` started
	@$(VENV) -m socialdesk.launcher stop

.PHONY: services services-stop
