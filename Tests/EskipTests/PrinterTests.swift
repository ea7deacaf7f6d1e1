import Eskip
import Testing

@Suite("Printing, eskip.md §6.1, §6.2, §6.4")
struct PrinterTests {
    @Test("one route on a line", arguments: [
        ("* -> <shunt>", "* -> <shunt>"),
        ("a:*&&Any()-><forward>", "a: * -> <forward>;"),
        (
            "a: Weight(3) && HeaderRegexp(\"B\", \"b/\") && Header(\"Z\", \"1\") && Method(`GET`) && Header(\"A\", \"x\") && PathRegexp(\"p\") && Host(/h\\\\.x/) && Path(\"/\") && HeaderRegexp(\"A\", \"a\") -> <loopback>",
            "a: Path(\"/\") && Host(/h\\\\.x/) && PathRegexp(/p/) && Method(\"GET\") && Header(\"A\", \"x\") && Header(\"Z\", \"1\") && HeaderRegexp(\"A\", /a/) && HeaderRegexp(\"B\", /b\\//) && Weight(3) -> <loopback>;"
        ),
        ("a: Host(\"\") -> <dynamic>", "a: Host(\"\") -> <dynamic>;"),
        ("a: Host(\"a[b\") -> <dynamic>", "a: Host(\"a[b\") -> <dynamic>;"),
        ("a: Host(\"[a/]\") -> <dynamic>", "a: Host(/[a\\/]/) -> <dynamic>;"),
        ("a: * -> f(`a\\`\\a\\b\\f\\n\\r\\t\\v\\\\\"\\d`, /x/) -> \"http://h\"", "a: * -> f(\"a`\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\\\d\", \"x\") -> \"http://h\";"),
        ("a: * -> f(1, -.5, 007, 3.140, 0.1) -> <shunt>", "a: * -> f(1, -0.5, 7, 3.14, 0.1) -> <shunt>;"),
        ("a: * -> f(0.000000000015, 123456789012345678901234) -> <shunt>", "a: * -> f(0.000000000015, 123456789012345690000000) -> <shunt>;"),
        ("a: * -> <random, \"http://b\", \"http://a?zone=z\">", "a: * -> <random, \"http://b\", \"http://a?zone=z\">;"),
        ("a: * -> <\"http://a?x=1&zone=z%20y\">", "a: * -> <\"http://a?x=1&zone=z%20y\">;"),
    ])
    func compact(text: String, printed: String) throws {
        let definition = try #require(RouteDocument.parse(text).document.first)
        #expect(RoutePrinter.compact.text(of: definition) == printed)
        let again = RouteDocument.parse(printed)
        #expect(again.errors.map(\.description) == [])
        #expect(again.document.first?.isCanonicallyEqual(to: definition) == true)
    }

    @Test("documents, compact and pretty")
    func documents() {
        let document = RouteDocument.parse("a: A() && B() -> f() -> <shunt>; b: * -> \"http://h\"").document
        #expect(RoutePrinter.compact.text(of: document) == "a: A() && B() -> f() -> <shunt>;\nb: * -> \"http://h\";")
        #expect(RoutePrinter.pretty.text(of: document)
            == "a: A() && B()\n  -> f()\n  -> <shunt>;\n\nb: *\n  -> \"http://h\";\n")
        #expect(RoutePrinter(indent: "\t").text(of: document.prefix(1)) == "a: A() && B()\n\t-> f()\n\t-> <shunt>;\n")
        #expect(RoutePrinter.compact.text(of: []) == "")
        #expect(RoutePrinter.pretty.text(of: []) == "")
    }

    @Test("single predicates and filters")
    func calls() throws {
        let definition = try #require(RouteDocument.parse("a: Host(\"x/\") -> f(\"y/\") -> <shunt>").document.first)
        #expect(RoutePrinter.compact.text(ofPredicate: definition.predicates[0]) == "Host(/x\\//)")
        #expect(RoutePrinter.compact.text(ofFilter: definition.filters[0]) == "f(\"y/\")")
    }

    @Test("JSON", arguments: [
        ("* -> <shunt>", #"{"backend":{"type":"shunt"}}"#),
        ("a: * -> \"http://h?a&b<\"", #"{"id":"a","backend":{"type":"network","address":"http://h?a&b<"}}"#),
        ("a: * -> \"\"", #"{"id":"a"}"#),
        (
            "a: Foo(/x/, 1.5, -2) && Path(\"/\") -> f() -> g(\"\\\"\\\\\\n\\v\u{1F}ü\") -> <random, \"http://a?zone=z\", \"http://b\">",
            #"{"id":"a","backend":{"type":"lb","algorithm":"random","endpoints":["http://a","http://b"]},"#
                + #""predicates":[{"name":"Foo","args":["x",1.5,-2]},{"name":"Path","args":["/"]}],"#
                + #""filters":[{"name":"f","args":[]},{"name":"g","args":["\"\\\n\u000B\u001Fü"]}]}"#
        ),
    ])
    func json(text: String, json: String) throws {
        var output: [UInt8] = []
        RouteJSON().append(RouteDocument.parse(text).document[0], to: &output)
        #expect(String(decoding: output, as: UTF8.self) == json)
    }

    @Test("JSON arrays, with errors where there are any")
    func jsonArray() {
        let document = RouteDocument.parse("a: * -> <shunt>; b: * -> <shunt>").document
        var output: [UInt8] = []
        RouteJSON().append(routes: document, to: &output) { $0.id == "b" ? "unknown_filter" : nil }
        #expect(String(decoding: output, as: UTF8.self)
            == #"[{"id":"a","backend":{"type":"shunt"}},{"id":"b","error":"unknown_filter","backend":{"type":"shunt"}}]"#)
        output = []
        RouteJSON().append(routes: [], to: &output)
        #expect(output == Array("[]".utf8))
    }
}
