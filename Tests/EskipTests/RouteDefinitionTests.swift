import Eskip
import Testing

@Suite("What a definition says")
struct RouteDefinitionTests {
    func definition(_ text: String) throws -> RouteDefinition {
        let parsed = RouteDocument.parse(text, sourceName: "r.eskip")
        try #require(parsed.errors.map(\.description) == [])
        return try #require(parsed.document.first)
    }

    @Test("predicates and filters in written order, without * and Any")
    func calls() throws {
        let route = try definition(
            "a: * && Weight(2) && Any(1, \"x\") && Path(\"/\") && Traffic(.3, \"c\", \"d\") && * -> f() -> g(\"\\n\", 7) -> <shunt>")
        #expect(route.predicates.values == [
            CallValue("Weight", 2), CallValue("Path", "/"), CallValue("Traffic", 0.3, "c", "d"),
        ])
        #expect(route.filters.values == [CallValue("f"), CallValue("g", "\n", 7)])
        #expect(route.filters[1].arguments.string(at: 0) == "\n")
        #expect(route.filters[1].arguments.string(at: 1) == nil)
        #expect(route.filters[1].arguments.number(at: 1) == 7)
        #expect(route.filters[1].arguments.number(at: 2) == nil)
        #expect(route.filters[1].arguments.allStrings() == nil)
        #expect(route.predicates[1].arguments.allStrings() == ["/"])
        #expect(route.predicates[1].nameID == .path)
    }

    @Test("backends", arguments: [
        ("\"http://h:1/x\"", .network("http://h:1/x")), ("<shunt>", .shunt), ("<loopback>", .loopback),
        ("<dynamic>", .dynamic), ("<forward>", .forward),
        ("<\"http://a\">", .loadBalanced(algorithm: "", endpoints: [LBEndpoint(address: "http://a")])),
        ("<random, \"http://b\", `http://a`>", .loadBalanced(
            algorithm: "random", endpoints: [LBEndpoint(address: "http://b"), LBEndpoint(address: "http://a")])),
        ("<\"http://a?zone=eu-1a\", \"http://b\">", .loadBalanced(
            algorithm: "", endpoints: [LBEndpoint(address: "http://a", zone: "eu-1a"), LBEndpoint(address: "http://b")])),
        ("<\"http://a/p?x=1&zone=a%2Bb+c&y\">", .loadBalanced(
            algorithm: "", endpoints: [LBEndpoint(address: "http://a/p?x=1&y", zone: "a+b c")])),
        ("<\"http://a?zone=\", \"http://b?zones=1\">", .loadBalanced(
            algorithm: "", endpoints: [LBEndpoint(address: "http://a"), LBEndpoint(address: "http://b?zones=1")])),
        ("<\"http://a?zone=1&zone=2\">", .loadBalanced(
            algorithm: "", endpoints: [LBEndpoint(address: "http://a", zone: "1")])),
    ] as [(String, BackendDefinition)])
    func backends(text: String, backend: BackendDefinition) throws {
        #expect(try definition("a: * -> f(1) -> \(text)").backend == backend)
    }

    @Test("positions of routes, calls and backends")
    func positions() throws {
        let route = try definition("\n\n  a: Path(\"/\")\n  -> f()\n  -> <shunt>")
        #expect(route.position?.description == "r.eskip:3:3")
        #expect(route.predicates[0].position?.description == "r.eskip:3:6")
        #expect(route.filters[0].position?.description == "r.eskip:4:6")
        #expect(route.backendPosition?.description == "r.eskip:5:6")
        #expect(route.detached().filters[0].position?.description == "r.eskip:4:6")
        #expect(RouteDefinition.make(id: "a", backend: .shunt).position == nil)
    }

    @Test("positions in a part of a larger text")
    func positionsInPart() throws {
        let part = Array("a: Path(\"/\")\n-> <shunt>; b: * -> <shunt>".utf8)
        let document = RouteDocument.parse(bytes: part, sourceName: "r.eskip", start: SourceStart(line: 9, column: 5)).document
        #expect(document[0].position?.description == "r.eskip:9:5")
        #expect(document[0].predicates[0].position?.description == "r.eskip:9:8")
        #expect(document[0].backendPosition?.description == "r.eskip:10:4")
        #expect(document.map(\.sourceOffset) == [0, 25])
        #expect(document[1].detached().sourceOffset == nil)
        let place = try #require(document[0].predicates[0].position)
        #expect(document.excerpt(at: place, length: 4)?.marker == "   ^^^^")
        let broken = RouteDocument.parse(bytes: Array("a: *\n-> 5".utf8), start: SourceStart(line: 9, column: 5))
        #expect(broken.errors.map { "\($0.position)" } == ["10:4"])
    }

    @Test("an excerpt marks a place, however long or odd the line")
    func excerpts() throws {
        let document = RouteDocument.parse("\ta: Path(\"/ü\u{1B}\") -> <shunt>").document
        let position = try #require(document[0].predicates[0].position)
        #expect(document.excerpt(at: position, length: 4)?.description
            == "\ta: Path(\"/ü\u{FFFD}\") -> <shunt>\n\t   ^^^^")
        #expect(document[0].detached().document.excerpt(at: position) == nil)

        let long = RouteDocument.parse("a: Foo(\"\(String(repeating: "x", count: 5_000))\" 1) -> <shunt>")
        let rendered = try #require(long.errors.first).rendered.split(separator: "\n")
        #expect(rendered[1].count < 200 && rendered[1].contains("\" 1)"))
        #expect(rendered[1].prefix(rendered[2].count).last == "1")
    }

    @Test("records stay within 150 bytes beyond the text, definitions themselves included")
    func recordSize() {
        let text = (0..<1_000).map {
            "kube_shop__checkout__shop_example_org____\($0): Host(/^(shop[.]example[.]org[.]?(:[0-9]+)?)$/) && PathSubtree(\"/p\($0)\") -> setRequestHeader(\"X-Shop\", \"1\") -> <roundRobin, \"http://10.0.0.1:8080\", \"http://10.0.0.2:8080\">;"
        }
        let document = RouteDocument.parse(text.joined(separator: "\n")).document
        #expect(document.count == 1_000)
        #expect(document.recordBytes / document.count + MemoryLayout<RouteDefinition>.stride <= 150)
        #expect(MemoryLayout<RouteDefinition>.stride == 16)
    }
}

@Suite("Definitions made and changed")
struct EditingTests {
    let document = RouteDocument.parse(
        """
        a: Path("/a") && Header("X", "1") -> f("\\n", 1.5) -> <random, "http://a?zone=z", "http://b">;
        b: Method("GET") -> "http://h";
        """
    ).document

    @Test("made from values, equal to parsed ones")
    func made() {
        let made = RouteDefinition.make(
            id: "a", predicates: [CallValue("Path", "/a"), CallValue("Header", "X", "1")],
            filters: [CallValue("f", "\n", 1.5)],
            backend: .loadBalanced(
                algorithm: "random",
                endpoints: [LBEndpoint(address: "http://a", zone: "z"), LBEndpoint(address: "http://b")]))
        #expect(made == document[0])
        #expect(made.contentHash == document[0].contentHash)
        #expect(made != document[1])
    }

    @Test("detached copies are equal and hold nothing else")
    func detached() {
        for definition in document {
            let copy = definition.detached()
            #expect(copy == definition)
            #expect(copy.document.count == 1)
            #expect(copy.contentHash == definition.contentHash)
        }
        #expect(document[1].detached().document.textBytes == "bGEThttp://h".utf8.count)
    }

    @Test("every edit changes what it says and nothing else")
    func edits() {
        let lists = (CallList([CallValue("x", 1)]), CallList([CallValue("y", "2")]))
        let changed = document[0].changed {
            $0.prependedFilters = lists.0
            $0.appendedFilters = lists.1
            $0.id = "c"
        }
        #expect(changed.id == "c")
        #expect(changed.filters.values == [CallValue("x", 1), CallValue("f", "\n", 1.5), CallValue("y", "2")])
        #expect(changed.predicates.values == document[0].predicates.values)
        #expect(changed.backend == document[0].backend)
        #expect(document[0].changed { $0.filters = .empty }.filters.isEmpty)
        #expect(document[0].changed { $0.predicates = .empty }.predicates.isEmpty)
        #expect(document[0].changed { $0.backend = .forward }.backend == .forward)
        #expect(document[0].changed { $0.backend = .forward }.filters.values == document[0].filters.values)
    }

    @Test("a later Method or Header replaces the earlier, and Any goes, outside documents")
    func replacement() {
        let calls = [
            CallValue("Method", "GET"), CallValue("Header", "X", "1"), CallValue("Any"), CallValue("Header", "Y", "1"),
            CallValue("Method", "PUT"), CallValue("Header", "X", "2"),
        ]
        let kept = [CallValue("Header", "Y", "1"), CallValue("Method", "PUT"), CallValue("Header", "X", "2")]
        #expect(RouteDefinition.make(id: "a", predicates: calls, backend: .shunt).predicates.values == kept)
        #expect(document[1].changed { $0.appendedPredicates = CallList([CallValue("Method", "PUT")]) }.predicates.values
            == [CallValue("Method", "PUT")])
        #expect(CallList(calls).values == calls)
    }

    @Test("a builder shares one document, and the text of repeated filters")
    func builder() {
        var builder = RouteDocumentBuilder(sourceName: "all")
        var edit = RouteEdit()
        edit.prependedFilters = CallList([CallValue("long", .string(String(repeating: "x", count: 1_000)))])
        for definition in document { builder.add(definition, changedBy: edit) }
        builder.add(id: "c", predicates: [], filters: [CallValue("f")], backend: .network("http://c"))
        #expect(builder.count == 3)
        let built = builder.finish()
        #expect(built.map(\.id) == ["a", "b", "c"])
        #expect(built[1].filters[0].arguments.string(at: 0)?.count == 1_000)
        #expect(built[1].backend == .network("http://h"))
        #expect(built.textBytes < 1_200)
    }

    @Test("lists of calls of any documents")
    func callLists() {
        let calls = CallList([document[1].predicates[0], document[0].filters[0]])
        #expect(calls.values == [CallValue("Method", "GET"), CallValue("f", "\n", 1.5)])
        #expect(CallList([Call]()).isEmpty)
    }
}

@Suite("Equality, eskip.md §6.3")
struct EqualityTests {
    func definition(_ text: String) throws -> RouteDefinition {
        try #require(RouteDocument.parse(text).document.first)
    }

    @Test("spelling does not matter", arguments: [
        ("a: Foo(\"x\") -> <shunt>", "  a:Foo ( /x/ )-><shunt>; // c"),
        ("a: Foo(1.50) -> <shunt>", "a: Foo(1.5) -> <shunt>"),
        ("a: Foo(01, \"\\\\d\") -> <shunt>", "a: * && Foo(1, `\\d`) -> <shunt>"),
        ("a: * -> <\"http://a?zone=z\">", "a: * -> <\"http://a?zone=%7A\">"),
    ])
    func equal(left: String, right: String) throws {
        let (left, right) = (try definition(left), try definition(right))
        #expect(left == right)
        #expect(left.contentHash == right.contentHash)
    }

    @Test("everything else does", arguments: [
        ("a: * -> <shunt>", "b: * -> <shunt>"),
        ("a: Foo(\"1\") -> <shunt>", "a: Foo(1) -> <shunt>"),
        ("a: Foo(1.5) -> <shunt>", "a: Foo(2.5) -> <shunt>"),
        ("a: Foo(\"a\", \"b\") -> <shunt>", "a: Foo(\"ab\", \"\") -> <shunt>"),
        ("a: Foo(1) && Bar() -> <shunt>", "a: Foo() && Bar(1) -> <shunt>"),
        ("a: Foo() -> Bar() -> <shunt>", "a: Foo() && Bar() -> <shunt>"),
        ("a: * -> f() -> g() -> <shunt>", "a: * -> g() -> f() -> <shunt>"),
        ("a: * -> <shunt>", "a: * -> <loopback>"),
        ("a: * -> \"http://a\"", "a: * -> \"http://b\""),
        ("a: * -> \"http://a\"", "a: * -> <\"http://a\">"),
        ("a: * -> <\"http://a\">", "a: * -> <random, \"http://a\">"),
        ("a: * -> <\"http://a\">", "a: * -> <\"http://a?zone=z\">"),
        ("a: * -> <\"http://a\">", "a: * -> <\"http://a\", \"http://a\">"),
    ])
    func different(left: String, right: String) throws {
        let (left, right) = (try definition(left), try definition(right))
        #expect(left != right)
        #expect(left.contentHash != right.contentHash)
        #expect(!left.isCanonicallyEqual(to: right))
    }

    @Test("the canonical form sorts predicates by name and endpoints by address", arguments: [
        ("a: B() && A(1) && A(0) -> <\"http://b\", \"http://a\">", "a: A(1) && A(0) && B() -> <\"http://a\", \"http://b\">", true),
        ("a: A(1) && A(0) -> <shunt>", "a: A(0) && A(1) -> <shunt>", false),
        ("a: Header(\"B\", \"1\") && Header(\"A\", \"1\") -> <shunt>", "a: Header(\"A\", \"1\") && Header(\"B\", \"1\") -> <shunt>", true),
        ("a: Host(/b/) && Host(/a/) -> <shunt>", "a: Host(/a/) && Host(/b/) -> <shunt>", false),
    ])
    func canonical(left: String, right: String, isEqual: Bool) throws {
        let (left, right) = (try definition(left), try definition(right))
        #expect(left != right)
        #expect(left.isCanonicallyEqual(to: right) == isEqual)
    }

    @Test("lists are equal whatever their order, unless an id occurs twice")
    func lists() {
        let left = RouteDocument.parse("a: A() && B() -> <shunt>; b: * -> <shunt>").document
        let right = RouteDocument.parse("b: * -> <shunt>; a: B() && A() -> <shunt>").document
        let twice = RouteDocument.parse("b: * -> <shunt>; b: * -> <shunt>").document
        #expect(RouteDefinition.areCanonicallyEqual(left, right))
        #expect(!RouteDefinition.areCanonicallyEqual(left, right.dropFirst()))
        #expect(!RouteDefinition.areCanonicallyEqual(twice, twice))
        #expect(!RouteDefinition.areCanonicallyEqual(left, twice))
        #expect(RouteDefinition.areCanonicallyEqual([], []))
    }
}
