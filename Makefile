# Pendamping. Two commands are enough: `make run` and `make test`. Each sets up whatever is missing first.
PYTHON ?= python3
APP := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run chat test check evaluate bench train lock

help: ## Show what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## Set up environments, models and index
	@$(PYTHON) tools/set_up.py

setup-dev:
	@$(PYTHON) tools/set_up.py --dev

run: setup ## Start the whole stack: Telegram with PENDAMPING_TELEGRAM_TOKEN, else a terminal chat
	@$(APP) -m bot run

chat: setup ## Start the whole stack with a terminal chat
	@$(APP) -m bot chat

test: setup-dev ## Run every check and every test
	@$(APP) -m ruff check .
	@$(APP) -m mypy
	@.venv/bin/lint-imports
	@$(APP) -m knowledge check
	@$(APP) -m pytest

evaluate: setup-dev ## Print the quality tables (retrieval, risk, NLU)
	@$(APP) tools/evaluate.py

bench: setup-dev ## Print the performance tables
	@$(APP) tools/bench.py

lock: ## Write the lock files again after changing pyproject.toml
	@$(APP) tools/lock.py

train: ## Adapt the encoder to the project's questions (hours on two cores; resumable)
	@$(PYTHON) tools/set_up.py --dev --train
	@$(APP) -m knowledge train
