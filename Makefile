# The few things one does here; each is a verb of develop.py, which installs what it needs.
.PHONY: help check test bench run

help:  ## List these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

check:  ## Lint, format, types and layers
	python3 develop.py check

test:  ## All tests, with the coverage gate
	python3 develop.py test

bench:  ## Benchmarks against their peers
	python3 develop.py bench

run:  ## A server with demo data
	python3 develop.py serve --demo
