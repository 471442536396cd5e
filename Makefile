# The daily verbs of credvault; `make help` lists them. Needs Python 3.11 or newer, git and make: set-up does the rest.

VENV := .venv
BIN := $(VENV)/bin
# More than the cores of a small machine: tests wait for other processes and for clocks as well.
JOBS ?= 3
# Overrides the search for an interpreter: make PYTHON=/opt/python3.13/bin/python3
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3 python3.11 python3.12 python3.13 python3.14)

# The stamp holds the path it was made at: console scripts and the editable install name it, so a moved folder or an
# interpreter that has gone means starting afresh.
STAMP := $(VENV)/installed
INTACT := $(shell [ "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" ] && $(BIN)/python -c '' 2>/dev/null && echo yes)
ifneq ($(INTACT),yes)
.PHONY: $(STAMP)
endif

.PHONY: help setup demo test check docs bench clean
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

setup: $(STAMP) ## make .venv with the pinned packages and credvault itself
	@:

demo: $(STAMP) ## show init, add, get, list, rotate and exec on a vault in a temporary folder
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/demo.sh

test: $(STAMP) ## run the tests; ARGS='-k rotate' is passed on
	@sh tests/system-packages.sh
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(STAMP) ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(STAMP) ## write completions, man pages and the README's table from the program
	$(BIN)/python tests/render_docs.py

bench: $(STAMP) ## measure credvault beside its peers, the agent, redact and exec --mask; takes minutes. ARGS='-n 5' for fewer rounds
	@sh tests/benchmarks/peers/system-packages.sh
	$(BIN)/python tests/benchmarks/run.py $(ARGS)
	$(BIN)/python tests/benchmarks/agent_load.py
	$(BIN)/python tests/benchmarks/tab.py
	$(BIN)/python tests/benchmarks/redact.py
	$(BIN)/python tests/benchmarks/relay.py

clean: ## remove .venv and everything else that make and its tools left
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find credvault tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Every package is pinned and checked against its hash, the build backend too, so the editable install fetches nothing.
# pip's talk goes to a log that is shown only when something fails.
$(STAMP): requirements/dev.txt pyproject.toml
ifneq ($(INTACT),yes)
	@$(find-python); $(need-ensurepip); \
	echo "setting up $(VENV) with $$("$$python" --version), once" >&2; \
	"$$python" -m venv --clear $(VENV)
endif
	@$(pip-install) --require-hashes -r requirements/dev.txt $(or-show-log)
	@$(pip-install) --no-build-isolation --no-deps --no-index --editable . $(or-show-log)
	@echo "$(CURDIR)" >$@

pip-install = $(BIN)/python -m pip --disable-pip-version-check --no-input install
or-show-log = >$(VENV)/install.log 2>&1 </dev/null || { cat $(VENV)/install.log >&2; exit 1; }

# A candidate is run, not only looked up: version managers leave stubs on PATH for interpreters they do not have.
define find-python
set -eu; python=; \
for candidate in $(CANDIDATES); do \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo "error: no Python 3.11 or newer among: $(CANDIDATES)" >&2; \
  echo "hint: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
fi
endef

# Debian and its children split ensurepip, and with it venv, off into a package of its own.
define need-ensurepip
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
  package=$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing $$package: this Python cannot make virtual environments without it" >&2; \
    log=$$(mktemp); export DEBIAN_FRONTEND=noninteractive; \
    { apt-get update; apt-get install -y --no-install-recommends "$$package"; } >"$$log" 2>&1 </dev/null \
      || { cat "$$log" >&2; rm -f "$$log"; exit 1; }; \
    rm -f "$$log"; \
  else \
    echo "error: $$python cannot make virtual environments: its ensurepip module is missing" >&2; \
    echo "hint: on Debian or Ubuntu: sudo apt-get install $$package; elsewhere, name another: make PYTHON=/path/to/python3" >&2; \
    exit 1; \
  fi; \
fi
endef
