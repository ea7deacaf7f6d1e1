import Testing

@testable import Routing

@Suite("Lookup by path (routing.md §3, §4)")
struct PathLookupTests {
    @Test("the most specific pattern whose predicates hold", arguments: 1...8)
    func backtracking(level: Int) {
        let table = RoutingTable.of("""
            s: Path("/a/b/c") && Header("X-L","1") -> <shunt>;
            t: Path("/a/b/:x") && Header("X-L","2") -> <shunt>;
            u: Path("/a/b/**") && Header("X-L","3") -> <shunt>;
            v: Path("/a/:y/c") && Header("X-L","4") -> <shunt>;
            w: Path("/a/**") && Header("X-L","5") -> <shunt>;
            x: Path("/:z/b/c") && Header("X-L","6") -> <shunt>;
            y: Path("/**") && Header("X-L","7") -> <shunt>;
            z: Header("X-L","8") -> <shunt>;
            """)
        let expected = ["s", "t", "u", "v", "w", "x", "y", "z"][level - 1]
        #expect(table.route(SampleRequest("/a/b/c", headers: [("X-L", "\(level)")])) == expected)
    }

    @Test("segments are literals as a whole", arguments: [
        ("/foo", "a"), ("/foobar", "b"), ("/fo", "c"), ("/foo/bar", "d"), ("/foob", "g"), ("/foob/ar", "g"), ("/f", "h"),
        ("/foobaz", "j"), ("/fooba", "j"), ("/foobaz/bar", "k"), ("/foobaz/y", nil), ("/Foo", "j"),
    ])
    func literals(path: String, expected: String?) {
        let table = RoutingTable.of("""
            a: Path("/foo") -> <shunt>; b: Path("/foobar") -> <shunt>; c: Path("/fo") -> <shunt>; d: Path("/foo/bar") -> <shunt>;
            e: Path("/foobaz/x") -> <shunt>; g: PathSubtree("/foob") -> <shunt>; h: Path("/f") -> <shunt>; j: Path("/:any") -> <shunt>;
            k: Path("/:any/bar") -> <shunt>;
            """)
        #expect(table.route(path) == expected)
    }

    @Test("slashes at the end count", arguments: [
        ("/foo", "a"), ("/foo/", nil), ("/bar/", "b"), ("/bar", nil), ("/baz", "c"), ("/baz/", "d"), ("/foo//", nil), ("/p/", nil),
        ("/p/1", "p"), ("/p/1/", nil), ("/q/1/", "q"), ("/q/1", nil), ("/w/", nil), ("/w", nil), ("/w/x/", "w"),
    ])
    func trailingSlash(path: String, expected: String?) {
        let table = RoutingTable.of("""
            a: Path("/foo") -> <shunt>; b: Path("/bar/") -> <shunt>; c: Path("/baz") -> <shunt>; d: Path("/baz/") -> <shunt>;
            p: Path("/p/:x") -> <shunt>; q: Path("/q/:x/") -> <shunt>; w: Path("/w/**") -> <shunt>;
            """)
        #expect(table.route(path) == expected)
    }

    @Test("slashes at the end do not count if told so", arguments: [
        ("/foo", "a"), ("/foo/", "a"), ("/bar/", "b"), ("/bar", "b"), ("/sub", "s"), ("/sub/", "s"), ("/sub/x/", "s"), ("/tub", "t"),
        ("/tub/", "t"), ("/", "r"), ("/p/1/", "p"), ("/p/", nil), ("/rx", nil), ("/rx/", "rx"), ("/foo//", "a"),
    ])
    func ignoredTrailingSlash(path: String, expected: String?) {
        let table = RoutingTable.of("""
            a: Path("/foo") -> <shunt>; b: Path("/bar/") -> <shunt>; s: PathSubtree("/sub") -> <shunt>; t: PathSubtree("/tub/") -> <shunt>;
            r: Path("/") -> <shunt>; p: Path("/p/:x") -> <shunt>; rx: PathRegexp(/^.rx.$/) -> <shunt>;
            """, ignoresTrailingSlash: true)
        #expect(table.route(path) == expected)
    }

    @Test("parameters", arguments: [
        ("/a/1/b/2", ["x": "1", "y": "2"]), ("/b/1/2", ["rest": "/1/2"]), ("/c/1/2", ["*": "/1/2"]), ("/d/1/2", ["*": "/1/2"]),
        ("/d", ["*": "/"]), ("/d/", ["*": "/"]), ("/e/1/2", ["r": "/1/2"]), ("/e", ["r": "/"]), ("/f/1", ["*all": "/1"]),
        ("/i/9/j/k", ["a": "9", "*": "/k"]), ("/i/9/j", ["a": "9", "*": "/"]), ("/j/1/2", ["x": "1"]), ("/a/x%20y/b/z", ["x": "x y", "y": "z"]),
        ("/a/x+y/b/z", ["x": "x y", "y": "z"]), ("/a/x%2520y/b/z", ["x": "x y", "y": "z"]), ("/a/x%25zzy/b/z", ["x": "x%zzy", "y": "z"]),
        ("/b/x%2Fy", ["rest": "/x/y"]), ("/c/a+b/c", ["*": "/a b/c"]), ("/", ["*": "/"]), ("/zz/1", ["*": "/zz/1"]),
    ])
    func parameters(path: String, expected: [String: String]) {
        let table = RoutingTable.of("""
            a: Path("/a/:x/b/:y") -> <shunt>; b: Path("/b/*rest") -> <shunt>; c: Path("/c/**") -> <shunt>; d: PathSubtree("/d") -> <shunt>;
            e: PathSubtree("/e/*r") -> <shunt>; f: Path("/f/**all") -> <shunt>; i: PathSubtree("/i/:a/j") -> <shunt>;
            j: Path("/j/:x/:x") -> <shunt>; k: PathSubtree("/") -> <shunt>;
            """)
        #expect(table.parameters(path) == expected)
    }

    @Test("a route without a pattern comes after all that have one, whatever its weight", arguments: [
        (SampleRequest("/x"), "b"), (SampleRequest("/q"), "c"), (SampleRequest("/"), "a"), (SampleRequest("/y"), "c"),
    ])
    func rootStage(request: SampleRequest, expected: String) {
        let table = RoutingTable.of("""
            a: Weight(1000) && Method("GET") -> <shunt>; b: PathSubtree("/x") -> <shunt>; c: Path("/**") -> <shunt>;
            d: Path("/y") && Method("POST") -> <shunt>;
            """)
        #expect(table.route(request) == expected)
    }

    @Test("the tree decides before the host", arguments: [("/api", "a", "b"), ("/api/v1", "a", "c"), ("/api/v1", "b", nil), ("/x", "a", "a")])
    func treeBeforeHost(path: String, host: String, expected: String?) {
        let table = RoutingTable.of("""
            a: Host(/^a$/) && PathSubtree("/") -> <shunt>; b: Path("/api") -> <shunt>; c: Host(/^a$/) && Path("/api/v1") -> <shunt>;
            """)
        #expect(table.route(SampleRequest(path, host: host)) == expected)
    }

    @Test("an empty pattern belongs to the root stage", arguments: [("/", "a", "r"), ("/t", "a", "t"), ("/", "b", "b2"), ("/x", "b", "b2")])
    func emptyPattern(path: String, host: String, expected: String) {
        let table = RoutingTable.of("""
            a: Path("") && Host(/^a$/) -> <shunt>; t: Path("/t") -> <shunt>; r: Method("GET") && Host(/^a$/) -> <shunt>;
            b: PathSubtree("") && Host(/^b$/) -> <shunt>; b2: Weight(5) && Host(/^b$/) -> <shunt>;
            """)
        #expect(table.route(SampleRequest(path, host: host)) == expected)
    }
}
