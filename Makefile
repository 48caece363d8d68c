# Each target is one command; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help aggregate run test bench lint fmt docs rustdoc try-aggregate check-monitoring faults tour ci dist clean-local

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-17s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set everything up and run it, until Ctrl-C
	@scripts/run $(INSTANCE)

test: ## run every test; make test ARGS='--test domain' for some
	@scripts/with-services cargo test --workspace $(ARGS)

bench: ## measure, beside the limits; writes .local/bench.json; make bench ARGS=append for some
	@cargo build --release --package fairlead --package fairlead-bench
	@scripts/with-services "$${CARGO_TARGET_DIR:-target}/release/bench" $(ARGS)

lint: ## clippy, warnings denied
	@cargo clippy --workspace --all-targets -- -D warnings

fmt: ## format the source
	@cargo fmt --all

docs: ## write the generated documents anew
	@scripts/docs

aggregate: ## write a new aggregate: make aggregate CONTEXT=crm NAME=product [PLURAL=products]
	@scripts/aggregate "$(CONTEXT)" "$(NAME)" $(PLURAL)

rustdoc: ## the documentation of the crates, warnings denied
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items

try-aggregate: ## write an aggregate into a copy, build it there and run its conformance suite
	@scripts/try-aggregate

faults: ## let faults strike in mid-load, on private instances; make faults ARGS='--seconds 600 --seed 7'
	@scripts/faults $(ARGS)

check-monitoring: ## try the alerts, and hold them, the dashboard and the runbooks against the program
	@scripts/check-monitoring

tour: ## run the commands of the README's tour against a fresh `make run`
	@scripts/tour

ci: ## everything that must hold before a change is taken
	@.ci/run

dist: ## the program for others, in dist/; DIST_TARGET=<target> for another machine's
	@scripts/dist

clean-local: ## discard the private services and their data
	@scripts/clean-local
