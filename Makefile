# Everything that a person runs by hand. `make` alone lists the targets.

SHELL := bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Cargo's own variable says where artifacts go; everything that is made stands there.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
VENV := $(or $(WATCHKEEPER_TEST_VENV),$(TARGET)/venv)
# The AWS emulator of the tests, and the verifier of DKIM signatures that knows nothing of ours. Pinned, so that a test that fails tells
# of our change and of nobody else's. tests/testbed/src/python.rs names the same.
PYTHON_PACKAGES := moto[server]==5.2.5 dkimpy[ed25519]==1.1.8
# How long each fuzz target runs.
FUZZ_SECONDS ?= 600

.PHONY: help demo test bench web lint fuzz clean prepare check-tools check-web check-rust

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: check-tools ## Build everything and start the demo: address, login and token are printed
	@echo "[1/3] console: installing its packages and building it (about a minute)"
	$(MAKE) --no-print-directory web
	echo "[2/3] service: compiling (the first time some minutes; afterwards seconds)"
	cargo build --locked
	echo "[3/3] starting"
	exec "$(TARGET)/debug/watchkeeper" demo $(ARGS)

web: ## Build the web console into web/dist
	@cd web
	# npm ci starts from nothing; npm's own record of what is installed says when that is not needed.
	if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
	  npm ci --no-audit --no-fund --loglevel=error
	fi
	npm run --silent build

test: check-tools prepare check-web check-rust ## Run every check and every test; install what is missing where that is possible

# The whole workspace each time: a part of it alone has other features, and everything would be compiled again.
bench: check-tools ## Measure: whole runs of detect beside parsing alone, of serve under load, the parts of both, ten thousand customers told
	@if [[ -z $${WATCHKEEPER_TEST_DATA:-} && -d ../shared/data ]]; then export WATCHKEEPER_TEST_DATA=$$(cd ../shared/data && pwd); fi
	$(MAKE) --no-print-directory web
	for bench in detect serve receive parts state; do
	  cargo bench --locked --workspace --bench "$$bench"
	done
	WATCHKEEPER_MANY=$${WATCHKEEPER_MANY:-10000} cargo test --locked --release --workspace --test many -- --nocapture --test-threads 1

lint: check-tools ## Formatting and lints of Rust and web, without running tests
	@cargo fmt --all --check
	$(MAKE) --no-print-directory web
	cd web && npm run --silent lint
	cargo clippy --workspace --all-targets --locked -- -D warnings

# RUSTC_BOOTSTRAP lets a stable compiler take the flags that coverage needs; without a sanitizer no other toolchain is needed, and
# the code has no `unsafe` that one could watch. No input may take longer than 10 seconds, nor 2 GiB.
fuzz: ## Look for rules, events, expressions, proofs, mail and log lines that break what reads them; FUZZ_SECONDS for each of eleven targets
	@command -v cargo-fuzz >/dev/null || { echo "missing: cargo-fuzz (cargo install cargo-fuzz --locked)" >&2; exit 1; }
	export RUSTC_BOOTSTRAP=1
	for target in rules:16384 events:1024 regexes:160 notes:600 reports:4096 sns:2048 lines:1024 pushes:2048 framing:256 objects:1024 spool:512; do
	  echo "[fuzz] $${target%:*}, $(FUZZ_SECONDS) s"
	  cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none "$${target%:*}" -- -max_total_time=$(FUZZ_SECONDS) \
	    -max_len="$${target#*:}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
	done

clean: ## Remove what builds and the demo have made
	@cargo clean
	rm -rf web/dist web/node_modules data/demo

check-tools:
	@missing=0
	need() { command -v "$$1" >/dev/null || { echo "missing: $$1 ($$2)" >&2; missing=1; }; }
	need cargo "Rust 1.90 or newer"
	need node "Node.js 20.19 or newer"
	need npm "comes with Node.js"
	need cc "a C compiler, for the embedded SQLite"
	if command -v node >/dev/null && ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
	  echo "too old: node $$(node --version); install Node.js 20.19 or newer" >&2
	  missing=1
	fi
	exit $$missing

# What the tests need beyond Rust and Node. What cannot be installed is named; its tests then say that they did not run, and fail
# where CI=true.
prepare:
	@wanted=()
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || wanted+=(postgresql)
	command -v chromium >/dev/null || wanted+=(chromium)
	PATH=$$PATH:/usr/sbin command -v postfix >/dev/null || wanted+=(postfix)
	python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=(python3 python3-venv)
	if (( $${#wanted[@]} )); then
	  if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then
	    echo "[prepare] installing $${wanted[*]}"
	    apt-get update -qq </dev/null
	    # The tests start an instance of their own; the system's gets no configuration, and so does not run.
	    if [[ " $${wanted[*]} " == *" postfix "* ]]; then
	      echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
	    fi
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${wanted[@]}" </dev/null >"$${TMPDIR:-/tmp}/watchkeeper-apt.log" 2>&1 \
	      || { tail -20 "$${TMPDIR:-/tmp}/watchkeeper-apt.log" >&2; echo "[prepare] could not install $${wanted[*]}" >&2; }
	  else
	    echo "[prepare] MISSING: $${wanted[*]}. Install them (Debian: sudo apt-get install $${wanted[*]}); tests that need them will say that they did not run" >&2
	  fi
	fi
	has_all() { "$(VENV)/bin/python" -c 'import sys, importlib.metadata as m; wanted = [p.split("==") for p in sys.argv[1:]]; sys.exit(any(m.version(name.split("[")[0]) != version for name, version in wanted))' $(PYTHON_PACKAGES:%='%') 2>/dev/null; }
	install() { "$(VENV)/bin/pip" install --quiet --disable-pip-version-check $(PYTHON_PACKAGES:%='%'); }
	if ! has_all; then
	  echo "[prepare] Python: installing $(PYTHON_PACKAGES)"
	  # An environment of an older checkout may lack one package only; what cannot be mended is made anew.
	  if ! { [[ -x "$(VENV)/bin/pip" ]] && install && has_all; }; then
	    rm -rf "$(VENV)"
	    mkdir -p "$$(dirname "$(VENV)")"
	    python3 -m venv "$(VENV)" && install \
	      || echo "[prepare] MISSING: $(PYTHON_PACKAGES) could not be installed from PyPI; tests against the AWS emulator and of DKIM will fail" >&2
	  fi
	fi

check-web:
	@echo "[web] build, lint, tests"
	$(MAKE) --no-print-directory web
	cd web
	npm run --silent lint
	npm run --silent test

# The console is built before: the binary embeds it.
check-rust:
	@export WATCHKEEPER_TEST_VENV="$(VENV)"
	echo "[rust] formatting"
	cargo fmt --all --check
	echo "[rust] lints"
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	echo "[rust] building"
	cargo build --workspace --all-targets --locked --quiet
	echo "[rust] tests"
	cargo test --workspace --locked --no-fail-fast
