import Eskip
import Routing
import Testing

@Suite("Requests that explanations are asked for")
struct ExplainedRequestTests {
    private func explain(_ request: ExplainedRequest, _ routes: String = "a: * -> <shunt>;") throws -> RouteExplanation {
        try RoutingTable.of(routes).explain(request)
    }

    @Test("URLs", arguments: [
        ("/", "", "/"), ("/a?b=c#d", "", "/a"), ("http://h", "h", "/"), ("HTTPS://H:80/x", "H:80", "/x"), ("http://h?q", "h", "/"),
        ("http://[::1]:8080/a", "[::1]:8080", "/a"), ("/a/../b/%62", "", "/b/b"), ("http://h//a", "h", "/a"),
    ])
    func urls(url: String, host: String, path: String) throws {
        var request = ExplainedRequest()
        request.url = url
        let explanation = try explain(request)
        #expect((explanation.host, explanation.path) == (host, path))
    }

    @Test("refused", arguments: ["", "a", "ftp://h/", "http:///a", "http://", "/a b", "/%", "/a/%2e%2e%2f%2e", "/%00", "//\u{7f}", "/a\r\nX: y"])
    func refusedURL(url: String) {
        var request = ExplainedRequest()
        request.url = url
        #expect(throws: ExplainedRequestError.self) { try request.check() }
    }

    @Test("headers", arguments: ["", ":", ": x", "a b: c", "a:\u{7}", "a\n: b"])
    func refusedHeader(line: String) {
        var request = ExplainedRequest()
        #expect(throws: ExplainedRequestError.self) { try request.add(header: line) }
    }

    @Test("a Host header goes before the URL's host; normalized if asked for")
    func host() throws {
        var request = ExplainedRequest()
        request.url = "http://a/"
        try request.add(header: "host: B.example.:8080")
        #expect(try explain(request).host == "B.example.:8080")
        request.normalizesHost = true
        #expect(try explain(request).host == "b.example")
    }

    @Test("values, empty ones too, and the clock")
    func values() throws {
        var request = ExplainedRequest()
        try request.add(header: "X-A:")
        try request.add(header: "X-B: \t1")
        request.wallTime = 1_700_000_000_000_000_000
        let routes = "a: Header(\"X-A\", \"\") && Header(\"X-B\", \"1\") && After(1699999999) && Before(1700000001) -> <shunt>;"
        #expect(try explain(request, routes).taken?.id == "a")
    }
}
