# `make` lists what there is to make.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run test soak fuzz bounces bounces-again bench bench-parts bench-page check docs screenshots static docker tools

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Serve as 263 on 127.0.0.1:2525 (flags in ARGS)
	cargo run --release --locked -- $(ARGS)

test: tools ## Run every test, installing first the mail clients that they drive
	cargo test --locked

soak: ## Run the release build under mixed load with faults for MINUTES (60), and say whether it stays in shape
	cargo build --locked --release
	tests/soak/soak.py target/release/mockmx $(or $(MINUTES),60) $(OUT)

fuzz: ## Fuzz each target for FUZZ_SECONDS (30), with a nightly toolchain; not part of the tests
	fuzz/run

bounces: ## Have real mail servers make the bounces of tests/bounces/made anew, as root (flags in ARGS)
	cargo build --locked
	tests/bounces/make $(TARGET)/debug/mockmx $(ARGS)

bounces-again: ## Send the mails of tests/bounces/made again to what `mockmx reproduce` makes of them (flags in ARGS)
	cargo build --locked
	tests/bounces/make $(TARGET)/debug/mockmx --again $(ARGS)

tools: ## Install what the tests drive besides mockmx: swaks, curl, Postfix, PostgreSQL, nodemailer, schemathesis, mailin-embedded
	tests/clients/install

check: ## Run what a change must pass besides the tests: format, lints, documentation, licences
	cargo fmt --check
	for of in benches fuzz; do cargo metadata --locked --format-version 1 --manifest-path $$of/Cargo.toml > /dev/null; done
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	command -v cargo-deny > /dev/null || cargo install --locked cargo-deny@0.20.2
	cargo deny --locked check bans licenses sources

bench: ## Compare mockmx with other servers and write docs/performance.md; ARGS=--quick takes a minute and writes nothing
	benches/install
	cargo build --release --locked
	cargo build --release --locked --manifest-path benches/peers/mailin/Cargo.toml --target-dir $(TARGET) || true
	cargo run --release --locked --manifest-path benches/Cargo.toml --target-dir $(TARGET) --bin bench -- $(or $(ARGS),--write docs/performance.md)

bench-parts: ## Measure the parts of mockmx, each by itself (a filter in ARGS)
	cargo bench --locked --bench micro --manifest-path benches/Cargo.toml --target-dir $(TARGET) -- $(ARGS)

bench-page: ## Measure how long the page takes with 10,000 sessions in the journal
	cargo build --release --locked
	cargo run --release --locked --manifest-path benches/Cargo.toml --target-dir $(TARGET) --bin bench-page

screenshots: tools ## Write docs/page, pictures of all pages, by the browser test that looks at them
	rm -rf target/screenshots
	MOCKMX_SCREENSHOTS=$(CURDIR)/target/screenshots cargo test --locked --test main browser::access
	docs/page/keep target/screenshots

docs: ## Write docs/providers, a page for each built-in provider, from the packs
	cargo run --locked -- docs docs/providers

static: ## Build the binary that the container image holds, into target/static/mockmx
	docker/build target/static/mockmx

docker: ## Build the container images
	docker compose --file docker/compose.yaml build
