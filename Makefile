# The two commands of this project: `make demo` and `make test`. Each sets up all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check fix reference mtproto browser lock clean

help:
	@echo "make demo   set up, then run the whole job once on this machine: crawl, match, index, mail"
	@echo "make test   set up, then run every check: format, lint, types, imports, tests"
	@echo "make check  the same without the tests;  make fix  formats and repairs what it can"
	@echo "make lock   resolve requirements.lock anew (needs uv);  make clean  remove what these made"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Haechi needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Python could not make a virtual environment (on Debian: apt install python3-venv)" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary pyaes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	$(BIN)/haechi demo

test: check reference mtproto browser
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The reference PDQ has no Linux wheel: its tests run where a C++ compiler can build it, and say so where not.
reference: $(READY)
	@$(BIN)/python -c 'import pdqhash' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-reference.lock \
		|| echo "make: no C++ compiler: the checks against the reference PDQ will be skipped" >&2

# A server that speaks Telegram's protocol, in Go: without it its tests are skipped, and fail where CI=true.
mtproto: $(READY)
	@nice $(BIN)/python -m tests.fixtures.mtproto_build || true

# A Chromium reads pages made by scripts: without one its tests are skipped, and fail where CI=true.
browser: $(READY)
	@$(BIN)/python -m tests.fixtures.chromium || true

lock:
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--extra demo --extra dev pyproject.toml -o requirements.lock
	echo pdqhash==0.2.8 | uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-deps - -o requirements-reference.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache haechi-demo .cache
