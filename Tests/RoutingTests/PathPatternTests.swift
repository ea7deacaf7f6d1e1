import Bytes
import Testing

@testable import Routing

@Suite("Path patterns (routing.md §4)")
struct PathPatternTests {
    private func path(_ pattern: String, ignoresTrailingSlash: Bool = false) throws -> PathPattern? {
        try pattern.withBytes { try PathPattern.path($0, ignoresTrailingSlash: ignoresTrailingSlash) }
    }

    private func subtree(_ pattern: String, ignoresTrailingSlash: Bool = false) throws -> PathPattern? {
        try pattern.withBytes { try PathPattern.subtree($0, ignoresTrailingSlash: ignoresTrailingSlash) }
    }

    @Test("an empty pattern is no tree predicate")
    func empty() throws {
        #expect(try path("") == nil)
        #expect(try subtree("") == nil)
    }

    @Test("a missing first slash is added", arguments: ["a/b", "/a/b"])
    func rooted(pattern: String) throws {
        #expect(try path(pattern)?.segments == [.literal(1..<2), .literal(3..<4)])
        #expect(try path(pattern)?.ends == .exact)
    }

    @Test("ends", arguments: [
        ("/", PatternEnd.slash), ("/a", .exact), ("/a/", .slash), ("/a/*", .below), ("/a/**", .below), ("/a/*rest", .below),
        ("/:x", .exact), ("/:x/", .slash), ("/**", .below),
    ])
    func ends(pattern: String, expected: PatternEnd) throws {
        #expect(try path(pattern)?.ends == expected)
    }

    @Test("ends with trailing slashes ignored", arguments: [("/", PatternEnd.slash), ("/a/", .exact), ("/a", .exact), ("/a/**", .below)])
    func endsIgnoringSlash(pattern: String, expected: PatternEnd) throws {
        #expect(try path(pattern, ignoresTrailingSlash: true)?.ends == expected)
    }

    @Test("names of wildcards", arguments: [
        ("/:x", ["x"]), ("/:x/:y", ["x", "y"]), ("/:x/:x", ["x"]), ("/a/*", ["*"]), ("/a/**", ["*"]), ("/a/*rest", ["rest"]),
        ("/a/**rest", ["*rest"]), ("/:/b", [""]), ("/:a:b", ["a:b"]),
    ])
    func names(pattern: String, expected: [String]) throws {
        #expect(try path(pattern)?.parameters.map { String(decoding: $0.name, as: UTF8.self) } == expected)
    }

    @Test("subtrees", arguments: [
        ("/foo", 1, "*"), ("/foo/", 1, "*"), ("/foo/**", 1, "*"), ("/foo/*r", 1, "r"), ("/foo/**r", 1, "*r"), ("/", 0, "*"), ("/*r", 0, "r"),
        ("*r", 0, "r"), ("/:a/b", 2, "*"),
    ])
    func subtrees(pattern: String, depth: Int, name: String) throws {
        let parsed = try #require(try subtree(pattern))
        #expect(parsed.segments.count == depth)
        #expect(parsed.ends == (depth == 0 ? [.slash, .below] : [.exact, .slash, .below]))
        #expect(parsed.parameters.last.map { String(decoding: $0.name, as: UTF8.self) } == name)
        let ignoring = try #require(try subtree(pattern, ignoresTrailingSlash: true))
        #expect(ignoring.ends == (depth == 0 ? [.slash, .below] : [.exact, .below]))
    }

    @Test("refused patterns", arguments: [
        "/a:b", "/a*b", "/a/b:/c", "/*a/b", "/**/b", "/a/*r/", String(repeating: "/a", count: 257), "/" + String(repeating: "a", count: 9000),
    ])
    func refused(pattern: String) {
        #expect(throws: PathPatternError.self) { try path(pattern) }
    }

    @Test("refused subtrees", arguments: ["/a:b", "/*a/b", "/**/b/**"])
    func refusedSubtree(pattern: String) {
        #expect(throws: PathPatternError.self) { try subtree(pattern) }
    }
}
