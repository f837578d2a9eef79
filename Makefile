# make run: everything on embedded defaults.  make test: every check.  Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
STAMP := $(VENV)/.ready
LOCKS := requirements/base.txt requirements/dev.txt
IMPORT_ALL := from importlib import import_module as take; \
	from wattwarden.codecs import load_codecs; from wattwarden.tools.main import COMMANDS; \
	load_codecs(); [take(one.path.partition(':')[0]) for one in COMMANDS.values()]
export UV_PYTHON_DOWNLOADS := never

.PHONY: run demo test check format style types layers tests fuzz mutants bench soak chaos lock clean help package try-install

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt

$(STAMP): $(UV) $(LOCKS) pyproject.toml
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@# Commands and roles start in half the time with bytecode, which some environments never keep.
	-@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "$(IMPORT_ALL)"
	@touch $@

run: $(STAMP) ## start everything: meter port, journal, database
	$(BIN)/wattwarden up

demo: $(STAMP) ## a whole system with a simulated city in it, and something wrong
	$(BIN)/wattwarden demo

check: style types layers ## style, types, layers, dependencies, dead code

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	@# numpy's stubs import each other; read first through one module they come out the same each
	@# time, while a cold run over everything loses the buffer protocol of arrays.
	$(BIN)/mypy src/wattwarden/protocol/columns.py
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture

tests: $(STAMP)
	@# Each worker, and each role that a test starts, spends half of its start on compiling else.
	env -u PYTHONDONTWRITEBYTECODE -u MAKEFLAGS $(BIN)/pytest -q -n 3 --dist worksteal

test: $(STAMP) ## every check and every test
	@# Types keep one processor busy for a minute: beside them is room for all else.
	@+$(MAKE) --no-print-directory -j2 check tests

format: $(STAMP) ## rewrite the sources in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## all figures beside their references; a quarter of an hour, kept in bench/results/
	-@$(MAKE) --silent -C bench rsyslog
	$(BIN)/python bench/run.py --write

soak: $(STAMP) ## long runs; prints a dated record into docs/
	$(BIN)/python bench/soak.py
	$(BIN)/python bench/mixed.py --record
	$(BIN)/python bench/month.py --record
	$(BIN)/python bench/line_days.py --record
	$(BIN)/python bench/courier_latency.py --record
	$(BIN)/python bench/ladder.py --record
	$(BIN)/python bench/cluster.py --record
	$(BIN)/python bench/console.py --record
	$(BIN)/python bench/steady.py --record
	$(BIN)/wattwarden play docs/stories.md
	WATTWARDEN_API_EXAMPLES=50 $(BIN)/pytest -q tests/console/api/test_described.py

chaos: $(STAMP) ## every fault in random order while a city reports; MINUTES=20, METERS=200, SEED=n
	-@$(MAKE) --silent -C bench shift
	$(BIN)/python bench/chaos.py --minutes $(or $(MINUTES),20) --meters $(or $(METERS),200) $(if $(SEED),--seed $(SEED)) --record

fuzz: $(STAMP) ## coverage-guided fuzzing, MINUTES=10
	$(UV) pip install --quiet --python $(BIN)/python -r requirements/fuzz.txt
	$(BIN)/python fuzz/long.py --minutes $(or $(MINUTES),10)

mutants: $(STAMP) ## programs changed in one place, which tests have to notice; into docs/mutants.md
	$(BIN)/python bench/mutants.py --record

package: $(UV) ## wheel, Debian package and bill of materials (SBOM), into dist/
	deploy/debian/build

try-install: ## docs/install.md followed to the letter in a fresh Debian 12; as root, for minutes
	$(PYTHON) deploy/try_install.py --record

lock: $(UV) ## pin every dependency anew
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/base.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 --group dev pyproject.toml -o requirements/dev.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 --group fuzz -c requirements/dev.txt -o requirements/fuzz.txt
	echo uv | $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 - -o requirements/tools.txt

clean:
	rm -rf $(VENV) .tools build dist
