# make run    builds and serves routes/demo.eskip with a small origin behind it
# make test   every test: unit and wire tests in debug, property tests in release
# Both install the Debian packages that are missing.

PACKAGES = libssl-dev libre2-dev libc-ares-dev zlib1g-dev libbrotli-dev libzstd-dev libyaml-dev
ADDRESS ?= 127.0.0.1:9090
SUPPORT ?= 127.0.0.1:9911
ORIGIN ?= 127.0.0.1:9080
FAIRWAY_CONFORMANCE ?= ../shared/conformance
RELEASE = swift build -c release --static-swift-stdlib
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run test bench conformance fuzz packages build clean

packages:
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq $$missing; fi

build: packages
	$(RELEASE) --product fairway

run: build
	@bin=$$($(RELEASE) --show-bin-path)/fairway; \
	$$bin origin --address $(ORIGIN) & origin=$$!; \
	trap 'kill $$origin 2>/dev/null' EXIT; trap 'exit 0' INT TERM; sleep 0.3; \
	kill -0 $$origin 2>/dev/null || { echo "the demo origin needs $(ORIGIN); choose another: make run ORIGIN=127.0.0.1:PORT"; exit 1; }; \
	echo; echo "proxy     http://$(ADDRESS)/"; echo "metrics   http://$(SUPPORT)/metrics"; echo "routes    http://$(SUPPORT)/routes"; \
	echo "try       curl -i http://$(ADDRESS)/hello/world"; echo "end       Ctrl-C"; echo; \
	sed -E 's/(127\.0\.0\.1|localhost):9080/$(ORIGIN)/g' routes/demo.eskip > .build/demo.eskip; \
	$$bin serve -address $(ADDRESS) -support-listener $(SUPPORT) -routes-file .build/demo.eskip -wait-for-healthcheck-interval 0s & proxy=$$!; \
	trap 'kill $$origin $$proxy 2>/dev/null' EXIT; \
	wait $$proxy || { echo "if an address is taken: make run ADDRESS=127.0.0.1:PORT SUPPORT=127.0.0.1:PORT"; exit 1; }

test: packages
	swift build --build-tests
	swift test --skip-build --skip PropertyTests
	swift build -c release --build-tests -Xswiftc -enable-testing
	swift test -c release --skip-build --filter PropertyTests -Xswiftc -enable-testing

bench: build
	python3 Benchmarks/Load/run.py --fairway $$($(RELEASE) --show-bin-path)/fairway

conformance: build
	@[ -d $(FAIRWAY_CONFORMANCE)/behaviour ] || { echo "no conformance data at $(FAIRWAY_CONFORMANCE); set FAIRWAY_CONFORMANCE"; exit 1; }
	bash Tests/conformance.sh $(FAIRWAY_CONFORMANCE)/behaviour $$($(RELEASE) --show-bin-path)/fairway

# Every fuzz target for a while: make fuzz SECONDS_EACH=3600 TARGETS=EskipFuzz
fuzz: packages
	Tests/Fuzz/run $(or $(SECONDS_EACH),60) $(TARGETS)

clean:
	rm -rf .build .build-bench
