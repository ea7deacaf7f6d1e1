import Eskip
import Testing

@testable import Routing

@Suite("Routes that cannot be compiled (routing.md §8)")
struct RouteRefusalTests {
    private func refused(_ route: String) -> RouteDiagnostic? { RouteCompiler.sample().load(route).diagnostics.first }

    @Test("reasons", arguments: [
        ("* -> nope() -> <shunt>", RouteRefusal.unknownFilter), ("* -> picky(1) -> <shunt>", .invalidFilterParameters), ("Nope() -> <shunt>", .unknownPredicate),
        ("* -> \"http://\"", .failedBackendSplit), ("* -> \"127.0.0.1:80\"", .failedBackendSplit), ("* -> \"\"", .failedBackendSplit),
        ("* -> \"gopher://x\"", .failedBackendSplit), ("* -> <nope, \"http://127.0.0.1\">", .other), ("* -> <forward>", .other),
        ("Host(\"[\") -> <shunt>", .invalidMatcher), ("PathRegexp(\"(\") -> <shunt>", .invalidMatcher), ("HeaderRegexp(\"a\",\"*\") -> <shunt>", .invalidMatcher),
        ("Path(\"/x:y\") -> <shunt>", .invalidMatcher), ("Path(\"/a/*b/c\") -> <shunt>", .invalidMatcher), ("PathSubtree(\"/a/*b/c\") -> <shunt>", .invalidMatcher),
        ("Path(\"/8\") && PathSubtree(\"/8\") -> <shunt>", .other), ("PathSubtree(\"/8\") && PathSubtree(\"/8\") -> <shunt>", .other), ("PathSubtree(9) -> <shunt>", .other),
        ("PathSubtree() -> <shunt>", .other), ("PathSubtree(\"/a\",\"/b\") -> <shunt>", .other), ("Weight() -> <shunt>", .invalidPredicateParameters),
        ("Weight(\"1\") -> <shunt>", .invalidPredicateParameters), ("Weight(1,2) -> <shunt>", .invalidPredicateParameters),
    ])
    func reasons(route: String, expected: RouteRefusal) {
        #expect(refused("r: " + route)?.refusal == expected)
    }

    @Test("arguments of predicates", arguments: [
        "Source(\"x\")", "Source()", "Source(1)", "Source(\"0.0.0.0\")", "Source(\"::\")", "SourceFromLast(\"10.0.0.0/33\")", "ClientIP(\"localhost\")", "HostAny()", "HostAny(1)",
        "Methods()", "Methods(\"PURGE\")", "Cookie(\"a\")", "Cookie(\"a\",\"(\")", "Cookie(\"a\",\"b\",\"c\")", "QueryParam()", "QueryParam(\"a\",\"(\")", "QueryParam(\"a\",/b/,\"c\")",
        "Traffic()", "Traffic(1.1)", "Traffic(-1)", "Traffic(0.5,\"a\")", "Traffic(0.5,\"a\",\"b\",\"c\")", "Traffic(\"0.5\")", "TrafficSegment(0)", "TrafficSegment(0.5,0.2)",
        "TrafficSegment(0,1.5)", "TrafficSegment(-1,1)", "Tee()", "Tee(1)", "ContentLengthBetween(5)", "ContentLengthBetween(5,5)", "ContentLengthBetween(-1,5)",
        "ContentLengthBetween(6,5)", "ForwardedHost()", "ForwardedHost(\"\")", "ForwardedHost(\"(\")", "ForwardedProtocol(\"ftp\")", "ForwardedProtocol()", "OTelBaggage()",
        "OTelBaggage(\"a\",\"b\",\"c\")", "OTelBaggage(\"\")", "HeaderSHA256(\"X\")", "HeaderSHA256(\"X\",\"ab\")", "HeaderSHA256(\"X\",\"zz\")", "JWTPayloadAllKV(\"a\")",
        "JWTPayloadAnyKV()", "JWTPayloadAnyKVRegexp(\"a\",\"(\")", "JWTPayloadAllKVRegexp(\"a\",1)",
    ])
    func arguments(predicates: String) {
        #expect(refusal(predicates) == .invalidPredicateParameters)
    }

    @Test("arguments that are tolerated", arguments: [
        "True(\"x\",1)", "Methods(\"GET\",\"GET\")", "Source(\"::ffff:10.0.0.0/104\",\"10.0.0.0/8\")", "Source(\"0.0.0.0/0\")", "HostAny(\"a\",\"a\")", "Traffic(0)", "Traffic(1)",
        "TrafficSegment(1,1)", "Path(\"\") && PathSubtree(\"/a\")",
    ])
    func tolerated(predicates: String) { #expect(refusal(predicates) == nil) }

    @Test("what a predicate list brings is refused for its route alone", arguments: [
        [CallValue(.path, "/a"), CallValue(.path, "/b")], [CallValue(.host)], [CallValue(.method, 5)], [CallValue(.header, "a")], [CallValue(.headerRegexp, "a", 1)],
        [CallValue(.pathRegexp, "a", "b")],
    ])
    func legacyArity(predicates: [CallValue]) {
        let definition = RouteDefinition.make(id: "r", predicates: predicates, backend: .shunt)
        let update = RouteCompiler.sample().replaceAll(with: [definition], clock: RouteClock(now: 1, wallTime: 1))
        #expect(update.diagnostics.map(\.refusal) == [.other])
    }

    @Test("a refused route costs itself, and the message says where and what is allowed")
    func isolation() {
        let update = RouteCompiler.sample().load("good: * -> <shunt>;\nbad: Path(\"/a\") && Source(\"x\")\n  -> <shunt>;", file: "routes/shop.eskip")
        #expect(update.table.route("/a") == "good")
        #expect(update.diagnostics.map(\.description) == [
            "routes/shop.eskip:2:20: route \"bad\": Source \"x\" is no IP address or CIDR prefix; route left out"
        ])
    }

    @Test("messages are one line without control characters, and not as long as what they repeat", arguments: [
        ("Source(\"a\\nb\u{1B}[2J\") -> <shunt>", "is no IP address"), ("Path(\"/a*\\n\u{1B}\") -> <shunt>", "may only begin"),
        ("* -> \"http://\\n\u{1B}\"", "backend"), ("Source(\"" + String(repeating: "ü", count: 9_000) + "\") -> <shunt>", "is no IP address"),
    ])
    func lines(route: String, part: String) throws {
        let message = try #require(refused("r: " + route)).message
        #expect(!message.unicodeScalars.contains { $0.value < 0x20 } && message.contains(part), "\(message)")
        #expect(message.utf8.count <= EskipLimits.messageBytesMax + 16)
    }

    @Test("positions point at what is wrong", arguments: [
        ("r: * -> nope() -> <shunt>;", 9), ("r: Host(\"[\") -> <shunt>;", 4), ("r: * -> \"x\";", 9), ("r: Path(\"/a\") && Weight() -> <shunt>;", 18),
    ])
    func positions(route: String, column: Int) {
        #expect(refused(route)?.position == SourcePosition(sourceName: "test.eskip", line: 1, column: column))
    }
}
