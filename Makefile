.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin

proto: ## Generate the Python contracts from protos/
	$(BIN)/python tools/generate_contracts.py
