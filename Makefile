# Each target sets up what it needs in .venv; Python 3.11 or newer, make and pip are enough.
PYTHON ?= python3
BIN = .venv/bin
STACK ?= dev
ARGS ?=

help: ## what there is (this)
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

preview: $(BIN)/.runtime ## what the platform would make, without cluster, account or network
	@$(BIN)/python -m idp preview --stack $(STACK)

doctor: $(BIN)/.runtime ## what this machine lacks for `up`, each with the command that mends it
	@$(BIN)/python -m idp doctor --stack $(STACK)

demo: $(BIN)/.runtime ## three services on this machine, with traffic and faults, live; no cluster; ARGS="--errors 0.5"
	@$(BIN)/python -m idp demo --stack $(STACK) $(ARGS)

up: $(BIN)/.runtime ## doctor, recover, then `pulumi up`; ARGS=--yes asks nothing
	@$(BIN)/python -m idp up --stack $(STACK) $(ARGS)

down: $(BIN)/.runtime ## take away what runs; repositories and keys stay
	@$(BIN)/python -m idp down --stack $(STACK) $(ARGS)

local: $(BIN)/.runtime ## the whole platform on this machine, with nobody's account: up, images, and a card
	@$(BIN)/python -m idp local $(ARGS)

local-down: $(BIN)/.runtime ## take it away again; what people made in its forge is kept for the next time
	@$(BIN)/python -m idp down --stack local $(ARGS)

test: $(BIN)/.dev ## the tests; what a machine lacks for some of them is said
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: $(BIN)/.dev ## format, lint, types, imports
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports && $(BIN)/pyright

bench: $(BIN)/.dev ## time and memory of the plan at 100 and 1,000 services
	@$(BIN)/python benchmarks/plan.py

costs: $(BIN)/.dev ## what templates make and their services cost, measured and put into docs/006
	@$(BIN)/python benchmarks/templates.py --write

screenshots: $(BIN)/.dev ## docs/images anew, from the demo here and the portal on a cluster of the tests' own
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ci.txt
	@$(BIN)/python -m idp demo --picture docs/images/demo.svg
	@IDP_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/kind/test_portal.py

$(BIN)/.runtime: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt && touch $@

$(BIN)/.dev: requirements-dev.txt $(BIN)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt && touch $@

.PHONY: demo help preview doctor up down local local-down test check bench costs screenshots
