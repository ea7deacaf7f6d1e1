# What is done with this repository; `make` alone lists it. Missing Debian packages are installed first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help packages build run test bench conformance interop fuzz clean

BUILD_PACKAGES := libssl-dev libre2-dev libc-ares-dev zlib1g-dev libbrotli-dev libzstd-dev libyaml-dev libnghttp2-dev
TEST_PACKAGES := openssl curl
BENCH_PACKAGES := gcc python3 nginx haproxy nghttp2-client python3-pip strace valgrind
RELEASE := swift build -c release --static-swift-stdlib
FAIRWAY_CONFORMANCE ?= ../shared/conformance
export ADDRESS SUPPORT ORIGIN SECOND_ORIGIN

# $(call install,PACKAGES): those that are missing, with sudo only where it is needed.
define install
missing=; \
if command -v dpkg-query >/dev/null; then \
    for package in $(1); do \
        [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing="$$missing $$package"; \
    done; \
else \
    echo "no Debian: these packages, or what holds the same, must be there: $(1)" >&2; \
fi; \
if [ -n "$$missing" ]; then \
    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
    echo "installing$$missing"; \
    $$sudo apt-get update -qq; \
    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing </dev/null; \
fi
endef

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

packages:
	@$(call install,$(BUILD_PACKAGES))

build: packages ## release build
	$(RELEASE) --product fairway

run: build ## serves routes/demo.eskip before two demo origins; ADDRESS= SUPPORT= ORIGIN= SECOND_ORIGIN= move them
	@exec routes/demo.sh "$$($(RELEASE) --show-bin-path)/fairway"

# $(call tested,COMMAND): what failed is said again at the end, where it is looked for.
define tested
log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
$(1) 2>&1 | tee "$$log" || { echo; echo "What failed:"; grep -aE '^✘|^.. .*recorded an issue|error:|Fatal error' "$$log" | head -100; exit 1; }
endef

# Generated cases by the hundred thousand take minutes without optimisation, so their suites run in a release build.
RELEASE_SUITES := ^(PropertyTests|SimulationTests)\.

test: packages ## every test: in a debug build, scenarios again over TLS and over HTTP/2, then property tests and simulations in a release build
	@$(call install,$(TEST_PACKAGES))
	swift build --build-tests
	@$(call tested,swift test --skip-build --skip '$(RELEASE_SUITES)')
	@$(call tested,FAIRWAY_TEST_SCHEME=https swift test --skip-build --filter '^EndToEndTests\.')
	@$(call tested,FAIRWAY_TEST_PROTOCOL=h2 swift test --skip-build --filter '^EndToEndTests\.')
	swift build -c release --build-tests -Xswiftc -enable-testing
	@$(call tested,swift test -c release --skip-build --filter '$(RELEASE_SUITES)' -Xswiftc -enable-testing)

bench: build ## cost per request beside nginx, HAProxy, h2o and Envoy, memory, reload; BENCH="--only 100B" for a part
	@$(call install,$(BENCH_PACKAGES))
	$(RELEASE) --product Table
	python3 Benchmarks/Load/run.py --fairway "$$($(RELEASE) --show-bin-path)/fairway" $(BENCH)

conformance: build ## recorded behaviour, from FAIRWAY_CONFORMANCE
	@$(call install,python3)
	Tests/conformance.py "$(FAIRWAY_CONFORMANCE)" "$$($(RELEASE) --show-bin-path)/fairway"

interop: build ## other people's programs around Fairway: gRPC, curl, nghttp, h2load, Python's h2; grpcio and h2 come from PyPI
	@$(call install,python3 python3-venv openssl curl nghttp2-client)
	python3 -m venv .build-interop && .build-interop/bin/pip install --quiet grpcio h2 || echo "interop: grpcio and h2 cannot be installed here" >&2
	PATH="$$PWD/.build-interop/bin:$$PATH" python3 Tests/Interop/run.py "$$($(RELEASE) --show-bin-path)/fairway"

fuzz: packages ## every fuzz target for a while, and routing against its reference; SECONDS_EACH=3600 TARGETS=EskipFuzz ROUTE_SETS=500
	Tests/Fuzz/run $(or $(SECONDS_EACH),60) $(TARGETS)
	swift build -c release --build-tests -Xswiftc -enable-testing
	@# Four seeds, 1,500 requests for each set of routes: three million comparisons.
	FAIRWAY_PROPERTY_ROUNDS=$(or $(ROUTE_SETS),500) swift test -c release --skip-build --filter RoutingReferenceTests -Xswiftc -enable-testing

clean: ## forgets what was built
	rm -rf .build .build-bench .build-interop Benchmarks/.build Tests/Fuzz/.build
