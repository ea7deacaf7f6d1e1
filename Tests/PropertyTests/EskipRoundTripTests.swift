import Eskip
import Testing

/// Definitions and documents out of a seeded generator. A failure names its seed; put it into `seeds` to repeat it.
@Suite("Eskip: what is printed reads back")
struct EskipRoundTripTests {
    static let seeds: [UInt64] = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max) }

    @Test("definitions", arguments: seeds)
    func definitions(seed: UInt64) throws {
        var random = Generator(seed: seed)
        for round in 0..<250 {
            let definition = random.definition()
            for printer in [RoutePrinter.compact, .pretty] {
                let text = printer.text(of: definition)
                let parsed = RouteDocument.parse(text)
                try #require(parsed.errors.map(\.description) == [], "seed \(seed), round \(round): \(text)")
                let read = try #require(parsed.document.first)
                #expect(read.isCanonicallyEqual(to: definition), "seed \(seed), round \(round): \(text)")
                #expect(printer.text(of: read) == text, "seed \(seed), round \(round)")
            }
        }
    }

    @Test("documents", arguments: seeds)
    func documents(seed: UInt64) throws {
        var random = Generator(seed: seed)
        for round in 0..<20 {
            var builder = RouteDocumentBuilder()
            for index in 0..<random.below(30) { builder.add(random.definition().changed { $0.id = "r\(index)" }) }
            let built = builder.finish()
            let parsed = RouteDocument.parse(RoutePrinter.compact.text(of: built))
            #expect(parsed.isValid && parsed.document.count == built.count, "seed \(seed), round \(round)")
            #expect(RouteDefinition.areCanonicallyEqual(parsed.document, built), "seed \(seed), round \(round)")
        }
    }

    @Test("copies are equal and hash alike, changed copies are not", arguments: seeds)
    func copies(seed: UInt64) {
        var random = Generator(seed: seed)
        for round in 0..<250 {
            let definition = random.definition(), other = random.definition()
            let copy = definition.detached()
            #expect(copy == definition && copy.contentHash == definition.contentHash, "seed \(seed), round \(round)")
            #expect(definition.changed { $0.id = "other" } != definition, "seed \(seed), round \(round)")
            #expect((definition == other) == (definition.contentHash == other.contentHash), "seed \(seed), round \(round)")
        }
    }

    @Test("whatever the input, it is refused with a place in it or read as something that prints", arguments: seeds)
    func soup(seed: UInt64) {
        var random = Generator(seed: seed)
        for round in 0..<1_000 {
            let bytes = random.soup()
            let parsed = RouteDocument.parse(bytes: bytes)
            for error in parsed.errors {
                #expect(error.position.line >= 1 && error.position.column >= 1 && error.position.column <= bytes.count + 1,
                    "seed \(seed), round \(round): \(error)")
                #expect(!error.rendered.isEmpty)
            }
            guard parsed.isValid, parsed.document.count != 1 || parsed.document[0].id != "" else { continue }
            var printed: [UInt8] = []
            RoutePrinter.compact.append(routes: parsed.document, to: &printed)
            let again = RouteDocument.parse(bytes: printed)
            #expect(again.errors.map(\.description) == [], "seed \(seed), round \(round)")
            #expect(zip(again.document, parsed.document).allSatisfy { $0.isCanonicallyEqual(to: $1) },
                "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}

/// SplitMix64 and what it makes of itself.
private struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }

    // MARK: Definitions

    mutating func definition() -> RouteDefinition {
        RouteDefinition.make(
            id: one(of: ["a", "_b9", "kube_ns__name__host____", "Z"]), predicates: predicates(), filters: calls(),
            backend: backend())
    }

    /// Within the rules of a document: one Path, one Method, headers of different names.
    private mutating func predicates() -> [CallValue] {
        var predicates = calls()
        if below(2) == 0 { predicates.append(CallValue("Path", .string(string()))) }
        if below(3) == 0 { predicates.append(CallValue("Method", .string(string()))) }
        for _ in 0..<below(3) { predicates.append(CallValue("Host", .string(string()))) }
        for _ in 0..<below(2) { predicates.append(CallValue("PathRegexp", .string(string()))) }
        for index in 0..<below(3) { predicates.append(CallValue("Header", .string("H\(below(2) * 5 + index)"), "x")) }
        for _ in 0..<below(3) { predicates.append(CallValue("HeaderRegexp", .string(string()), .string(string()))) }
        predicates.shuffle(using: &self)
        return predicates
    }

    private mutating func calls() -> [CallValue] {
        (0..<below(4)).map { _ in
            CallValue(Name(one(of: ["Foo", "Weight", "x", "_1", "setPath"])), (0..<below(4)).map { _ in argument() })
        }
    }

    private mutating func argument() -> Argument { below(3) == 0 ? .number(number()) : .string(string()) }

    private mutating func number() -> Double {
        switch below(4) {
        case 0: return Double(below(2_000) - 1_000)
        case 1: return one(of: [
            0.1, -0.5, 1e21, 1.5e300, .leastNonzeroMagnitude, 2_147_483_648, -2_147_483_649, 1e15, 123_456_789.125, 1e22, 1.7976931348623157e308,
        ])
        default:
            let number = Double(bitPattern: next())
            return number.isFinite ? number : 1
        }
    }

    private mutating func string() -> String {
        let pieces = [
            "a", "b", "\\", "\"", "`", "/", "//", "[", "]", "\n", "\r", "\t", "\u{07}", "\u{08}", "\u{0B}", "\u{0C}", "\u{0}",
            "\u{1B}", ";", "ü", "✓", "\u{A0}", "${x}", "*", "^$", "\\d", "\\/", "\\\\", "->", "&&", "<shunt>", " ",
        ]
        return (0..<below(8)).map { _ in one(of: pieces) }.joined()
    }

    private mutating func backend() -> BackendDefinition {
        switch below(6) {
        case 0: return .network(string())
        case 1: return one(of: [.shunt, .loopback, .dynamic, .forward])
        default:
            let endpoints = (0...below(3)).map { _ in
                let zone = string()
                return LBEndpoint(
                    address: "http://10.0.0.\(below(256))" + one(of: ["", ":80", "/p", "?x=1", "/?a&b"]),
                    zone: zone.isEmpty ? nil : zone)
            }
            return .loadBalanced(algorithm: one(of: ["", "random", "roundRobin"]), endpoints: endpoints)
        }
    }

    // MARK: Documents that may be none

    /// Tokens and splinters of tokens, mostly in the order of a route.
    mutating func soup() -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<below(6) {
            for part in ["a:", "Foo(", "\"x\"", ",", "1", ")", "&&", "*", "->", "f(", "/y/", ")", "->", "<", "\"http://h?zone=1\"", ">", ";"]
            where below(8) > 0 {
                bytes += Array((below(10) == 0 ? one(of: Generator.splinters) : part).utf8)
                if below(40) == 0 { bytes.append(UInt8.random(in: 0...255, using: &self)) }
            }
        }
        return bytes
    }

    private static let splinters = [
        "\"", "`", "/", "[", "\\", "//", "\n", ";\nb:", "<shunt>", "<", ">", "-", "-.", "5.", ".5", "&", "Any()", "Path(\"/\")",
        "Method(1)", "\u{FEFF}", "\u{A0}", "'", "c: * -> <shunt>;\n", "\"http://h\"", "random,", "Header(\"a\",\"b\")", "(", ",,",
    ]
}
