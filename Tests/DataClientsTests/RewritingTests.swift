import Eskip
import Routing
import Testing

@testable import DataClients

@Suite("What flags make of every route, eskip.md §8")
struct RewritingTests {
    /// Rewrites all routes of a document as its first load.
    func rewritten(_ text: String, _ options: RouteRewritingOptions) throws -> (routes: [String], notes: [String]) {
        let rewriter = try RouteRewriter(options)
        var merge = RouteMerge()
        let outcome = merge.apply(SourceChange(upserts: Array(RouteDocument.parse(text, sourceName: "r.eskip").document)), from: merge.addSource())
        var notes: [String] = []
        let change = rewriter.rewrite(outcome.change, of: merge, notes: &notes)
        return (change.upserts.map { RoutePrinter.compact.text(of: $0) }.sorted(), notes)
    }

    @Test("one kind at a time", arguments: [
        ("a: * -> f() -> <shunt>;", RouteRewritingOptions(prepend: ["g(1) -> h()"]), ["a: * -> g(1) -> h() -> f() -> <shunt>;"]),
        ("a: * -> <shunt>;", RouteRewritingOptions(append: ["g()", "h(\"x\")"]), ["a: * -> g() -> h(\"x\") -> <shunt>;"]),
        ("a: * -> \"http://b\";", RouteRewritingOptions(), ["a: * -> \"http://b\";"]),
        (
            "a: Host(/^x[.]org$/) && Path(\"/p\") -> f(\"x.org\") -> <shunt>;",
            RouteRewritingOptions(edit: [TextReplacement(pattern: "x\\[[.]\\]org", replacement: "y[.]org")]),
            ["a: Path(\"/p\") && Host(/^y[.]org$/) -> f(\"x.org\") -> <shunt>;"]
        ),
        (
            "a: * -> f(26) -> f(2626) -> <shunt>; b: * -> <shunt>;",
            RouteRewritingOptions(edit: [TextReplacement(pattern: "26", replacement: "24")]),
            ["a: * -> f(24) -> f(2424) -> <shunt>;", "b: * -> <shunt>;"]
        ),
        (
            "a: * -> f(1, 2) -> <shunt>;", RouteRewritingOptions(edit: [TextReplacement(pattern: "(\\d), (\\d)", replacement: "$2, ${1}")]),
            ["a: * -> f(2, 1) -> <shunt>;"]
        ),
        (
            "a: * -> f() -> <shunt>;",
            RouteRewritingOptions(edit: [TextReplacement(pattern: "f", replacement: "g"), TextReplacement(pattern: "g", replacement: "h")]),
            ["a: * -> h() -> <shunt>;"]
        ),
        (
            "a: Path(\"/a\") -> f() -> <shunt>; b: Path(\"/b\") -> <shunt>;",
            RouteRewritingOptions(clone: [TextReplacement(pattern: "Path[(]\"/a\"[)]", replacement: "Path(\"/copy\")")]),
            ["a: Path(\"/a\") -> f() -> <shunt>;", "b: Path(\"/b\") -> <shunt>;", "clone_a: Path(\"/copy\") -> f() -> <shunt>;"]
        ),
        (
            "a: * -> f() -> <forward>; b: * -> f() -> <shunt>;", RouteRewritingOptions(forward: "http://other"),
            ["a: * -> \"http://other\";", "b: * -> f() -> <shunt>;"]
        ),
        // Only the first element of a replacement with several counts.
        (
            "a: * -> f() -> <shunt>;", RouteRewritingOptions(edit: [TextReplacement(pattern: "f\\(\\)", replacement: "g() -> h()")]),
            ["a: * -> g() -> <shunt>;"]
        ),
    ])
    func oneKind(text: String, options: RouteRewritingOptions, expected: [String]) throws {
        let result = try rewritten(text, options)
        #expect(result.routes == expected)
        #expect(result.notes == [])
    }

    @Test("in the documented order: default filters, clones, edits, forward")
    func order() throws {
        var options = RouteRewritingOptions(
            prepend: ["f(\"default\")"], edit: [TextReplacement(pattern: "default", replacement: "edited")],
            clone: [TextReplacement(pattern: "\"default\"", replacement: "\"default\", \"cloned\"")], forward: "http://other")
        #expect(try rewritten("a: * -> <shunt>; b: * -> g() -> <forward>;", options).routes == [
            "a: * -> f(\"edited\") -> <shunt>;", "b: * -> \"http://other\";",
            "clone_a: * -> f(\"edited\", \"cloned\") -> <shunt>;", "clone_b: * -> \"http://other\";",
        ])
        options.defaultFiltersPrepend = []
        #expect(try rewritten("a: * -> <shunt>;", options).routes == ["a: * -> <shunt>;"])
    }

    @Test("what cannot be used is told and changes nothing", arguments: [
        (TextReplacement(pattern: "f\\(", replacement: "f("), 0),
        (TextReplacement(pattern: "f\\(1\\)", replacement: "f(1"), 1),
        (TextReplacement(pattern: "f\\(1\\)", replacement: ""), 1),
        (TextReplacement(pattern: "f\\(1\\)", replacement: "// f(1)"), 1),
        (TextReplacement(pattern: "Path.*", replacement: "*"), 1),
    ])
    func unusable(edit: TextReplacement, noteCount: Int) throws {
        let text = "a: Path(\"/\") -> f(1) -> <shunt>;"
        let edited = try rewritten(text, RouteRewritingOptions(edit: [edit]))
        #expect(edited.routes == [text])
        #expect(edited.notes.count == noteCount)
        let cloned = try rewritten(text, RouteRewritingOptions(clone: [edit]))
        #expect(cloned.routes == [text])
        #expect(cloned.notes.count == noteCount)
    }

    @Test("all errors of the options at once")
    func badOptions() {
        let options = RouteRewritingOptions(
            prepend: ["f("], append: ["g() ->"], edit: [TextReplacement(pattern: "(", replacement: "")],
            clone: [TextReplacement(pattern: "a{9999}", replacement: "")], forward: "nowhere")
        #expect { _ = try RouteRewriter(options) } throws: { error in
            (error as? DataClientOptionError)?.reasons.count == 5
        }
    }

    @Test("a clone goes with its original, and stands back for a route of its id")
    func clonesFollow() throws {
        let rewriter = try RouteRewriter(RouteRewritingOptions(clone: [TextReplacement(pattern: "/a", replacement: "/b")]))
        var merge = RouteMerge()
        let source = merge.addSource()
        func apply(_ upserts: String, deletes: [String] = []) -> [String] {
            var notes: [String] = []
            let outcome = merge.apply(SourceChange(upserts: Array(RouteDocument.parse(upserts).document), deletes: deletes), from: source)
            let change = rewriter.rewrite(outcome.change, of: merge, notes: &notes)
            return change.deletes.map { "-" + $0 }.sorted() + change.upserts.map { RoutePrinter.compact.text(of: $0) }.sorted()
        }
        #expect(apply("x: Path(\"/a\") -> <shunt>") == ["clone_x: Path(\"/b\") -> <shunt>;", "x: Path(\"/a\") -> <shunt>;"])
        #expect(apply("x: Path(\"/c\") -> <shunt>") == ["-clone_x", "x: Path(\"/c\") -> <shunt>;"])
        #expect(apply("clone_x: * -> <shunt>") == ["-clone_clone_x", "clone_x: * -> <shunt>;"])
        #expect(apply("x: Path(\"/a\") -> <shunt>") == ["x: Path(\"/a\") -> <shunt>;"])
        #expect(apply("", deletes: ["clone_x"]) == ["-clone_clone_x", "-clone_x", "clone_x: Path(\"/b\") -> <shunt>;"])
        #expect(apply("", deletes: ["x"]) == ["-clone_x", "-x"])
    }

    @Test("a rewritten route knows where it was written")
    func positions() throws {
        let rewriter = try RouteRewriter(RouteRewritingOptions(prepend: ["g()"]))
        var merge = RouteMerge()
        let document = RouteDocument.parse("\n\na: Path(\"/\")\n  -> f() -> <shunt>", sourceName: "r.eskip").document
        let outcome = merge.apply(SourceChange(upserts: Array(document)), from: merge.addSource())
        var notes: [String] = []
        let route = try #require(rewriter.rewrite(outcome.change, of: merge, notes: &notes).upserts.first)
        #expect(route.position?.description == "r.eskip:3:1")
        #expect(route.filters[1].position?.description == "r.eskip:4:6")
        #expect(route.filters[0].position == nil)
    }
}

extension RouteRewritingOptions {
    init(
        prepend: [String] = [], append: [String] = [], edit: [TextReplacement] = [], clone: [TextReplacement] = [], forward: String = ""
    ) {
        self.init()
        defaultFiltersPrepend = prepend
        defaultFiltersAppend = append
        editRoutes = edit
        cloneRoutes = clone
        forwardBackendURL = forward
    }
}
