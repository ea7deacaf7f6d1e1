.PHONY: build
build:
	swift build

# Every fuzz target for a while: make fuzz SECONDS_EACH=3600 TARGETS=EskipFuzz
.PHONY: fuzz
fuzz:
	Tests/Fuzz/run $(or $(SECONDS_EACH),60) $(TARGETS)
