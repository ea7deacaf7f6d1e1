import TestSupport
import Testing

@Suite("Loopbacks that a response begins")
struct LoopbackTests {
    /// A proxy whose origin answers `/missing` with 404, and says of all else what it was asked.
    private func setup(_ filters: String) throws -> Setup {
        try Setup(filters: filters) { $0.target == "/missing" ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" : Setup.answer($0) }
    }

    @Test("the loopback's response replaces the first one", arguments: [
        "loopbackIfStatus(404, \"/page\") ->",
        // The first response ended while a filter held it back.
        "loopbackIfStatus(404, \"/page\") -> latency(20) ->",
    ])
    func replaces(filters: String) throws {
        let setup = try setup(filters)
        let client = try setup.client()
        for _ in 0..<2 { #expect(try client.exchange(get("/missing")).bodyText == "GET /page ") }
    }

    @Test("a cycle of loopbacks ends with an error that is logged, and costs the others nothing", arguments: [
        "a: Path(\"/a\") -> <loopback>;",
        "a: Path(\"/a\") -> setPath(\"/b\") -> <loopback>; b: Path(\"/b\") -> setPath(\"/a\") -> <loopback>;",
        "a: Path(\"/a\") -> loopbackIfStatus(404, \"/a\") -> <shunt>;",
    ])
    func cycle(routes: String) throws {
        let proxy = try FairwayProcess(routes: routes + " ok: Path(\"/ok\") -> status(204) -> <shunt>")
        let client = try RawClient(port: proxy.port)
        for _ in 0..<3 {
            #expect(try client.exchange(get("/a")).status == 500)
            #expect(try client.exchange(get("/ok")).status == 204)
        }
        try proxy.waitForLog("more loopbacks than -max-loopbacks allows")
    }

    @Test("a body that the first origin took cannot go to a second one", arguments: [
        post("/missing", "hello"), "POST /missing HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ])
    func spentBody(request: String) throws {
        let setup = try setup("loopbackIfStatus(404, \"/page\") ->")
        let client = try setup.client()
        #expect(try client.exchange(request).status == 500)
        #expect(setup.origin.requests.map(\.target) == ["/missing"])
        #expect(try client.exchange(post("/page", "hello")).bodyText == "POST /page hello")
    }

    @Test("a request that declares an empty body goes again") func emptyBody() throws {
        let setup = try setup("loopbackIfStatus(404, \"/page\") ->")
        #expect(try setup.client().exchange(post("/missing", "")).bodyText == "POST /page ")
    }

    @Test("what ends behind a loopback leaves nothing to the next request", .enabled(if: !TestProtocol.isHTTP2), arguments: [false, true])
    func endsInside(isUpgrade: Bool) throws {
        let origin = try LoopbackOrigin(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target == "/b" {
                    if isUpgrade { try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n") }
                    _ = try connection.readToEnd()
                } else {
                    try connection.send(ok("here"))
                }
            }
        })
        let proxy = try FairwayProcess(routes: """
            a: Path("/a") -> setResponseHeader("X-A", "1") -> setPath("/b") -> <loopback>;
            b: Path("/b") -> "\(origin.url)"; c: Path("/c") -> "\(origin.url)"
            """)
        let client = try RawClient(port: proxy.port)
        try client.send(get("/a", fields: isUpgrade ? "Connection: Upgrade\r\nUpgrade: x\r\n" : ""))
        if isUpgrade { #expect(try client.readResponse().status == 101) } else { try origin.waitForRequests(1) }
        client.close()
        try proxy.waitForLog("\"GET /a HTTP/1.1\" \(isUpgrade ? 101 : 499)")
        for _ in 0..<3 {
            let response = try RawClient.get("/c", port: proxy.port)
            #expect(response.bodyText == "here" && response.value("X-A") == nil)
        }
    }

    @Test("a body that comes behind the loopback goes the way of the second route") func lateBody() throws {
        let origin = try LoopbackOrigin(serve: { connection in
            guard let request = try connection.readRequestHead() else { return }
            if request.target == "/missing" {
                try connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            } else {
                let body = try connection.readRequestBody(of: request)
                try connection.send(ok("\(body.count) \(Set(body).sorted())"))
            }
        })
        let proxy = try FairwayProcess(routes: """
            first: Path("/missing") -> loopbackIfStatus(404, "/page") -> "\(origin.url)"; second: Path("/page") -> sedRequest("a", "b") -> "\(origin.url)"
            """)
        let client = try RawClient(port: proxy.port)
        try client.send("POST /missing HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n")
        try origin.waitForRequests(2)
        try client.send(String(repeating: "a", count: 200_000))
        #expect(try client.readResponse().bodyText == "200000 [98]")
    }
}
