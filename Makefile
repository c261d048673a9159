# The front door. Each target sets up what it needs; the work is done by tools/.
# PYTHON=... chooses the interpreter of .venv (3.11 or newer; default: python3 on PATH).
# PYTHON_DIRS=... adds directories, separated by colons, in which `test` and `wheel` look for interpreters.

PYTHON ?= python3
export PYTHON

.PHONY: help demo build test lint format bench asan tsan fuzz soak wheel clean venv

help: ## list these targets
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## watch two versions of a small service being timed, half a minute
	@tools/demo

build: venv ## build everything and install it into .venv
	@tools/install_package .venv

test: venv ## test the C core (plain, ASan, UBSan, TSan), the package on each CPython found, and the dashboard
	@tools/bootstrap test
	@.venv/bin/python tools/test

lint: build ## check format, types, size, layers and what the compilers and linters say
	@tools/bootstrap lint
	@tools/lint

format: venv ## format C, Python and the dashboard in place
	@tools/bootstrap lint
	@tools/format

bench: build ## measure against the peers, in the same run
	@bench/run

asan: venv ## test the C core under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/bootstrap test
	@.venv/bin/python tools/test asan

tsan: venv ## test the C core under ThreadSanitizer
	@tools/bootstrap test
	@.venv/bin/python tools/test tsan

fuzz: venv ## feed hostile bytes to what reads them, for a bounded time
	@tools/bootstrap lint
	@tests/fuzz/run

soak: venv ## run the tests that take long: kills, churns, forks
	@tools/bootstrap test
	@TACHOGRAPH_SOAK=1 .venv/bin/python tools/test 3.11 3.12 3.13 3.14

wheel: venv ## build a wheel for each CPython found, and the source archive, into dist/
	@tools/build_wheels

clean: ## remove everything that was built, .venv too
	rm -rf build dist .venv

# The virtual environment and its tools, without the package.
venv:
	@tools/bootstrap build
	@tools/make_venv "$(PYTHON)" .venv build lint test
