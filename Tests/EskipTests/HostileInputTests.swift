import Eskip
import Testing

@Suite("Hostile documents cost what their size allows")
struct HostileInputTests {
    @Test("a token of a megabyte, of every kind")
    func longTokens() {
        let mega = String(repeating: "x", count: 1 << 20)
        let digits = String(repeating: "1", count: 1 << 20)
        #expect(RouteDocument.parse("\(mega): Foo(\"\(mega)\", /\(mega)/) -> <shunt>").isValid)
        for (text, message) in [
            ("a: \(mega)() -> <shunt>", "a name has 255 characters at most"),
            ("a: * -> <\(mega), \"http://h\">", "a name has 255 characters at most"),
            ("a: Foo(\(digits)) -> <shunt>", "the number \(digits.prefix(32))… is out of range"),
            ("a: \"\(mega)\"", "expected a predicate such as Path(\"/\") or *, found the string \"\(mega.prefix(31))…"),
        ] {
            let errors = RouteDocument.parse(text).errors
            #expect(errors.map(\.message) == [message])
            #expect(errors.allSatisfy { $0.rendered.utf8.count < 1_000 })
        }
    }

    @Test("errors are counted up to their limit")
    func errorLimit() {
        let parsed = RouteDocument.parse(String(repeating: "x;", count: 10_000))
        #expect(parsed.errors.count == EskipLimits.errorsMax)
        #expect(parsed.isTruncated)
        #expect(!RouteDocument.parse("x;").isTruncated)
    }

    @Test("literals that swallow everything are not read again without end")
    func swallowing() {
        // Each `\"` opens a string that reaches to the end and is given up for the definition behind it.
        let text = String(repeating: "a: \\\" ;\nb: \\\" ;\n", count: 20_000)
        let parsed = RouteDocument.parse(text)
        #expect(!parsed.isValid)
        #expect(parsed.isTruncated)
        #expect(parsed.errors.count <= EskipLimits.errorsMax)
    }

    @Test("many predicates, headers and arguments in one route")
    func manyCalls() {
        let headers = (0..<20_000).map { "Header(\"h\($0)\", \"\")" }.joined(separator: " && ")
        #expect(RouteDocument.parse("a: \(headers) -> <shunt>").isValid)
        let filters = String(repeating: "f() -> ", count: EskipLimits.callsPerRouteMax)
        #expect(RouteDocument.parse("a: * -> \(filters)<shunt>").document.first?.filters.count == 0xFFFF)
        #expect(RouteDocument.parse("a: * -> \(filters)f() -> <shunt>").errors.map(\.message)
            == ["a route has 65535 filters at most"])
        let arguments = String(repeating: "1,", count: 100_000)
        #expect(RouteDocument.parse("a: Foo(\(arguments)1) -> <shunt>").document.first?.predicates[0].arguments.count == 100_001)
    }

    @Test("one error among many routes is found where it is")
    func oneError() {
        var text = (0..<20_000).map { "r\($0): Path(\"/\($0)\") -> <shunt>;\n" }
        text[12_345] = "bad: Path(/) -> <shunt>;\n"
        let parsed = RouteDocument.parse(text.joined())
        #expect(parsed.errors.map(\.position.line) == [12_346])
        #expect(parsed.document.count == 19_999)
    }

    @Test("control characters of a document do not reach the terminal")
    func controlCharacters() {
        let parsed = RouteDocument.parse("a: \u{1B}[2J\u{202E} -> <shunt>")
        let rendered = parsed.errors.map(\.rendered).joined()
        #expect(!rendered.isEmpty)
        #expect(!rendered.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    }
}
