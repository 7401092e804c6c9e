# Only python3 and make are assumed; everything else is checked for and named when it is missing.
PORT ?= 8050
VENV ?= .venv
PYTHON = $(VENV)/bin/python
export VENV

.PHONY: help demo test bench bench-load lint docs check clean

help:
	@echo "make demo    a simulated cluster and the portal on http://127.0.0.1:$(PORT) (PORT=... chooses another)"
	@echo "make test    everything the tests need, then all tests"
	@echo "make bench   the benchmarks against a running demo (JSON=1: one object a page)"
	@echo "make bench-load   a hundred open tabs and five new visitors a second on a running demo (SECONDS=60)"
	@echo "make lint    style and formatting"
	@echo "make docs    the tables of docs/ made from the code"
	@echo "make check   what of the configured sources works (CONFIG=turtle.toml)"
	@echo "make clean   remove the environment and the demo's state"

demo:
	@python3 tools/environment.py demo
	@exec $(PYTHON) app.py demo --port $(PORT)

test:
	@python3 tools/packages.py
	@python3 tools/environment.py test
	@exec $(PYTHON) -m pytest tests

bench:
	@python3 tools/environment.py demo
	@exec $(PYTHON) -m benchmarks --port $(PORT) $(if $(JSON),--json)

# the load tool brings a world of its own along, so it has an environment of its own
bench-load:
	@python3 tools/environment.py demo
	@VENV=.venv-bench python3 tools/environment.py bench
	@exec $(PYTHON) -m benchmarks.load --port $(PORT) $(if $(SECONDS),--seconds $(SECONDS))

lint:
	@python3 tools/environment.py test
	@$(PYTHON) -m ruff check .

docs:
	@python3 tools/environment.py demo
	@$(PYTHON) -m tools.settings_page
	@$(PYTHON) -m tools.messages

check:
	@python3 tools/environment.py demo
	@exec $(PYTHON) app.py check $(if $(CONFIG),--config $(CONFIG))

clean:
	rm -rf $(VENV) .venv-bench .cache
