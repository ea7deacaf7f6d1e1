import Bytes
import HTTP
import Testing

/// One normalisation for matching and forwarding, routing.md §2.
@Suite("Paths of requests")
struct PathTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let received: String, forwarded: String, decoded: String, matched: String
        var testDescription: String { received }

        /// - Parameters:
        ///   - decoded: as forwarded if nothing is encoded.
        ///   - matched: as decoded if nothing collapses.
        init(_ received: String, _ forwarded: String, decoded: String? = nil, matched: String? = nil) {
            self.received = received
            self.forwarded = forwarded
            self.decoded = decoded ?? forwarded
            self.matched = matched ?? decoded ?? forwarded
        }
    }

    private func parsed(_ path: String, reservedStayEncoded: Bool = false) -> ParsedRequest? {
        var options = HeadOptions()
        options.reservedStayEncoded = reservedStayEncoded
        guard case .complete(let head, _) = parseRequest("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", options) else { return nil }
        return head
    }

    @Test("have one forwarded, one decoded and one matched form", arguments: [
        Case("/", "/"), Case("/a/b", "/a/b"), Case("/a/", "/a/"), Case("/a-._~!$&'()*+,;=:@b", "/a-._~!$&'()*+,;=:@b"),
        // Dot segments; a final `..` leaves no slash, a final `.` does.
        Case("/.", "/"), Case("/..", "/"), Case("/../..", "/"), Case("/a/.", "/a/"), Case("/a/./b", "/a/b"), Case("/a/../b", "/b"), Case("/a/b/..", "/a"), Case("/a/b/../", "/a/"),
        Case("/a/b/../../..", "/"), Case("/../a", "/a"), Case("/./a", "/a"), Case("/a/../../b", "/b"), Case("/a/..b/..", "/a"), Case("/...", "/..."), Case("/.a", "/.a"), Case("/a/..;/b", "/a/..;/b"),
        Case("/a/b/./", "/a/b/"), Case("/a/b/c/../../d", "/a/d"),
        // Escapes of unreserved bytes are decoded, others kept with digits in upper case.
        Case("/%61", "/a"), Case("/%7E%2D%5f", "/~-_"), Case("/%2e%2E/a", "/a"), Case("/a/%2e/b", "/a/b"), Case("/a/%2e%2e/b", "/b"), Case("/a/.%2e", "/"),
        Case("/a%2fb", "/a%2Fb", decoded: "/a/b"), Case("/a%2Fb", "/a%2Fb", decoded: "/a/b"), Case("/a%20b", "/a%20b", decoded: "/a b"), Case("/%e4%bd%a0", "/%E4%BD%A0", decoded: "/你"),
        Case("/%25", "/%25", decoded: "/%"), Case("/%2541", "/%2541", decoded: "/%41"), Case("/%2525", "/%2525", decoded: "/%25"), Case("/%3f%23", "/%3F%23", decoded: "/?#"), Case("/%3b%3a", "/%3B%3A", decoded: "/;:"),
        // Slashes collapse for matching; in the forwarded form only behind dot segments.
        Case("//", "//", matched: "/"), Case("//a//b//", "//a//b//", matched: "/a/b/"), Case("/a//../b", "/b"), Case("//a/./b", "/a/b"), Case("/a/%2f/b", "/a/%2F/b", decoded: "/a///b", matched: "/a/b"),
        Case("/a%2f%2fb", "/a%2F%2Fb", decoded: "/a//b", matched: "/a/b"),
        // Raw bytes that may not stand in a path are encoded, and only they.
        Case("/a\\b", "/a%5Cb", decoded: "/a\\b"), Case("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D", decoded: "/\"<>^`{|}"), Case("/é", "/%C3%A9", decoded: "/é"), Case("/[a]", "/[a]"),
        Case("/a\\..\\b", "/a%5C..%5Cb", decoded: "/a\\..\\b"), Case("/%5c..", "/%5C..", decoded: "/\\.."),
    ])
    func forms(one: Case) {
        let head = parsed(one.received)
        #expect(head?.path == one.forwarded)
        #expect(head?.decodedPath == one.decoded)
        #expect(head?.matchPath == one.matched)
    }

    @Test("do not change when they are normalised again", arguments: ["/a/../b", "/%2e%61/%2f", "/é\\", "//a/.//b", "/a/b/..", "/%25%41"])
    func idempotent(path: String) throws {
        let once = try #require(parsed(path)), twice = try #require(parsed(once.path))
        #expect(twice.path == once.path && twice.matchPath == once.matchPath)
    }

    @Test("are refused if they decode to something ambiguous", arguments: ["/..%2f", "/%2f..", "/a%2f..%2fb", "/a%2f.", "/%2e%2e%2f", "/a/%2f%2e%2e", "/%2f%2e/a", "/%", "/%a", "/%gg", "/%00", "/a%00/b"])
    func refused(path: String) { #expect(parsed(path) == nil) }

    @Test("with reserved bytes kept encoded for matching", arguments: [
        ("/a%2fb", "/a%2Fb", "/a%2Fb"), ("/a%3Bb%20c", "/a%3Bb%20c", "/a%3Bb c"), ("/..%2fa", "/..%2Fa", "/..%2Fa"), ("/%61%2e", "/a.", "/a."), ("/%7c", "/%7C", "/|"),
    ])
    func reserved(path: String, forwarded: String, matched: String) {
        let head = parsed(path, reservedStayEncoded: true)
        #expect(head?.path == forwarded && head?.matchPath == matched)
    }

    /// A request is matched by the path its upstream sees: decoding the forwarded form gives the matched one.
    @Test("the forwarded form means what was matched", arguments: [
        "/a/../b", "/%2e%2e/x", "/a/%2e/b", "//x//y", "/x/..//y", "/%61/%2F/b", "/é/./ü", "/a/b/../../../c", "/.%2e/.%2e/etc",
    ])
    func oneMeaning(path: String) throws {
        let head = try #require(parsed(path))
        let segments = head.path.split(separator: "/", omittingEmptySubsequences: false)
        #expect(!segments.contains("..") && !segments.contains("."))
        let forwarded = try #require(parsed(head.path))
        #expect(forwarded.matchPath == head.matchPath && forwarded.path == head.path)
    }

    @Test("set by a filter are encoded for the wire and cleaned for routes", arguments: [
        ("/a b", "/a%20b", "/a b"), ("a", "/a", "/a"), ("", "/", "/"), ("/a%2Fb", "/a%252Fb", "/a%2Fb"), ("/ü", "/%C3%BC", "/ü"), ("/a?b#c", "/a%3Fb%23c", "/a?b#c"), ("/a$&+,:;=@b", "/a$&+,:;=@b", "/a$&+,:;=@b"),
        ("/a//b", "/a//b", "/a/b"),
    ])
    func setPath(path: String, forwarded: String, matched: String) throws {
        var head = RequestHead()
        try head.make(method: "GET", target: "/old", host: "a")
        path.withBytes { head.setPath(decoded: $0) }
        #expect(head.path.text == forwarded && head.matchPath.text == matched && head.decodedPath.first == UInt8(ascii: "/"))
    }

    @Test("queries are kept as received", arguments: ["a=b&c", "%zz", "a?b/../c", "é", "", "%00"])
    func queries(query: String) { #expect(parsed("/x?\(query)")?.query == query) }
}
