import Testing

@testable import Eskip

/// Documents read in parts, which the parser itself does with large ones only.
@Suite struct DocumentPartsTests {
    /// A route of every kind of record, in the order of `number`, with what could mislead whoever looks for its end.
    private static func route(_ number: Int) -> String {
        let predicates = [
            "*", #"Path("/a/\#(number)") && Host(/^(www[.]shop\#(number)[.]example[.]org[.]?(:[0-9]+)?)$/)"#, #"Header("X", "a\tb;\nr1: *")"#,
            #"Weight(\#(number)) && Weight(0.\#(number)5) && Any()"#, #"PathRegexp(/[/;]\/x;\ny: /)"#, "HostAny(`a;b`, `\\`c`)",
        ][number % 6]
        let filters = ["", #"setPath("/\"b\\") -> "#, "a() -> b(-1.5, 2, \"\") -> // c;\n "][number % 3]
        let backend = [
            "<shunt>", #""http://10.0.0.\#(number % 256):80""#, #"<roundRobin, "http://a/?zone=x", "http://b:1">"#, #"<"http://a", "http://b">"#,
            "<loopback>", #""http://\"b""#, "<dynamic>",
        ][number % 7]
        return "r\(number): \(predicates) -> \(filters)\(backend)"
    }

    private static func text(_ routes: some Sequence<String>, separator: String = ";\n") -> [UInt8] {
        Array(routes.joined(separator: separator).utf8)
    }

    private static let routes = (0..<600).map(route)
    private static let whole = text(routes)

    /// Reads in parts and by one thread, and compares all that a document says.
    private func expectSame(_ bytes: [UInt8], isInParts: Bool?, sourceLocation: SourceLocation = #_sourceLocation) {
        let one = RouteDocument.parse(bytes: bytes, sourceName: "f")
        for threads in [2, 3, 8] {
            let parsed = DocumentParts.read(bytes, threads, "f", .ofText)
            if let isInParts { #expect((parsed != nil) == isInParts, "read in \(threads) parts", sourceLocation: sourceLocation) }
            // What cannot be read in parts one thread reads.
            guard let parsed else { continue }
            let many = parsed.document
            #expect(parsed.errors == one.errors, "errors differ", sourceLocation: sourceLocation)
            #expect(parsed.isTruncated == one.isTruncated, sourceLocation: sourceLocation)
            #expect((many.words == one.document.words) == true, "records differ", sourceLocation: sourceLocation)
            #expect((many.routeStarts == one.document.routeStarts) == true, "places differ", sourceLocation: sourceLocation)
            #expect((many.decoded == one.document.decoded) == true, "decoded texts differ", sourceLocation: sourceLocation)
            #expect((many.source == one.document.source) == true, "sources differ", sourceLocation: sourceLocation)
        }
    }

    @Test func partsAreTheWhole() {
        expectSame(Self.whole, isInParts: true)
        expectSame(Self.text(Self.routes, separator: "; \r\n\n\t// done\n"), isInParts: nil)
        expectSame(Self.whole + Array(";;\n".utf8), isInParts: true)
        expectSame(Array(";; // a;\n".utf8) + Self.whole, isInParts: true)
    }

    @Test func positionsCountFromTheBeginningOfTheText() throws {
        let start = SourceStart(line: 10, column: 5)
        let one = RouteDocument.parse(bytes: Self.whole, sourceName: "f", start: start).document
        let many = try #require(DocumentParts.read(Self.whole, 3, "f", start)).document
        for index in one.indices {
            #expect(many[index].position == one[index].position)
            #expect(many[index].backendPosition == one[index].backendPosition)
            #expect(many[index] == one[index])
        }
    }

    @Test(arguments: [nil, 10, 20_000] as [Int?]) func theParserReadsLargeDocumentsInParts(broken: Int?) {
        let comment = "// " + String(repeating: "x", count: 100) + "\n"
        let lines = (0..<20_000).map { (line: Int) in line == broken ? "r\(line) *;\n" : "\(comment)r\(line): * -> <shunt>;\n" }
        let bytes = Array(lines.joined().utf8)
        #expect(bytes.count > 2 * EskipLimits.partBytesMin)
        let one = RouteDocument.parse(bytes: bytes), many = RouteDocument.parse(bytes: bytes, threads: 2)
        #expect(many.errors == one.errors && many.isTruncated == one.isTruncated)
        let isSame = many.document.words == one.document.words && many.document.routeStarts == one.document.routeStarts
        #expect(isSame)
    }

    @Test func errorsAreThoseOfOneThread() {
        for (place, broken) in [(10, "r10 *"), (310, "r310: Path(1) -> <shunt>"), (599, "x: Nope( -> <shunt>"), (200, "r200: * -> \"http://a"), (599, "r599: * -> `a")] {
            var routes = Self.routes
            routes[place] = broken
            expectSame(Self.text(routes), isInParts: true)
            routes[place / 2] = "y y"
            expectSame(Self.text(routes), isInParts: true)
            expectSame(Self.text(routes) + Array(";\n".utf8), isInParts: true)
        }
        // More than are reported: where reading ends, only one thread knows.
        expectSame(Self.text(Self.routes.indices.map { "r\($0): * -> <\"nope\">" }), isInParts: false)
        expectSame(Self.text(Self.routes.indices.map { $0 % 8 == 0 ? "r\($0) *" : Self.routes[$0] }), isInParts: true)
        expectSame(Self.text(Self.routes.indices.map { $0 % 6 == 0 ? "r\($0) *" : Self.routes[$0] }), isInParts: false)
    }

    @Test func aLiteralThatIsOpenWhereAPartEndsIsReadByOneThread() {
        // Nothing ends the string: in the whole it reaches the end, and in a part that of the part.
        var routes = (0..<600).map { "r\($0): Path(`/\($0)`) -> <shunt>" }
        routes[0] = "r0: * -> \""
        expectSame(Self.text(routes), isInParts: nil)
        for place in [1, 150, 299, 300, 301, 599] {
            routes[place] = "r\(place): * -> \"http://a"
            expectSame(Self.text(routes), isInParts: nil)
        }
    }

    @Test func whatOnlyLooksLikeARouteIsNone() {
        var routes = Self.routes
        let lines = (0..<600).map { "r\($0): * -> <shunt>;\n" }.joined()
        // One string takes up all the places where the text could be cut.
        routes[0] = "long: Header(\"X\", `\(lines)`) -> <shunt>"
        expectSame(Self.text(routes[..<2]), isInParts: false)
        // The `;` before the cut stands in a comment: the last route of the part has none of its own.
        let missing = (0..<600).map { "r\($0): Path(\"/a/b/c/d/e/f/g/h/i/j/k/\($0)\") -> <shunt>" }
        expectSame(Self.text(missing, separator: " // ;\n"), isInParts: false)
        // A bare route is a document of its own: one error, wherever the text is cut.
        expectSame(Array("Path(\"/a\") -> <shunt>;\n".utf8) + Self.whole, isInParts: true)
        expectSame(Array(repeating: UInt8(ascii: "\n"), count: 4 << 10), isInParts: false)
    }

    /// Texts cut and put together anyhow: most have errors, some none.
    @Test(arguments: 0..<200) func randomDocumentsReadTheSame(seed: Int) {
        var random = SplitMix(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        var routes = Self.routes[..<200].shuffled(using: &random)
        let pieces = ["\"", "`", "/", ";\n", "// ", "\\", "[", "r1: ", "<", ") -> ", ";\nx : * -> <shunt>;\n", "\n", ";", "é"]
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            let place = routes.indices.randomElement(using: &random)!
            let text = routes[place]
            let cut = text.index(text.startIndex, offsetBy: Int.random(in: 0...text.count, using: &random))
            routes[place] = text[..<cut] + pieces.randomElement(using: &random)! + text[cut...]
        }
        expectSame(Self.text(routes), isInParts: nil)
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
