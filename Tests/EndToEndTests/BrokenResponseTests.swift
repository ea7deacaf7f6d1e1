import TestSupport
import Testing

@Suite("Origins that break off or talk nonsense")
struct BrokenResponseTests {
    @Test("what is no response is a 502", arguments: [
        "", "\r\n", "H", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "hello\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nX: \u{0}\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\rZ: z\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nNoColon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 300_000))\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n",
    ], Framing.allCases)
    func noResponse(bytes: String, framing: Framing) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target == "/still-there" { try connection.send(ok("here")) } else { return try connection.send(bytes) }
            }
        })
        let client = try setup.client(framing)
        try client.send(get("/"))
        var response = try client.readResponse()
        while response.status < 200 { response = try client.readResponse() }
        #expect(response.status == 502)
        // The client's connection is not to blame, and the next request gets a connection of its own.
        #expect(try client.exchange(get("/still-there")).bodyText == "here")
    }

    struct Cut: Sendable, CustomTestStringConvertible {
        let bytes: String
        var isReset = false
        var version = "HTTP/1.1"
        var testDescription: String { "\(bytes.debugDescription) \(isReset ? "reset " : "")to \(version)" }
    }

    /// The client must not take a part for the whole: not by length, not by chunks, and not by a clean end.
    @Test("a body that breaks off breaks off at the client", arguments: [
        Cut(bytes: "Content-Length: 10\r\n\r\nhello"), Cut(bytes: "Content-Length: 10\r\n\r\n"), Cut(bytes: "Content-Length: 10\r\n\r\nhello", isReset: true), Cut(bytes: "Content-Length: 10\r\n\r\nhello", version: "HTTP/1.0"),
        Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n"),
        Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", isReset: true), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", version: "HTTP/1.0"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n"),
        Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n"), Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nbad\r\n\r\n"),
        Cut(bytes: "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"), Cut(bytes: "\r\nhello", isReset: true), Cut(bytes: "\r\nhello", isReset: true, version: "HTTP/1.0"),
    ])
    func brokenOff(cut: Cut) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target == "/still-there" {
                    try connection.send(ok("here"))
                    continue
                }
                try connection.send("HTTP/1.1 200 OK\r\n\(cut.bytes)")
                // What was sent has probably arrived before the reset throws away what has not.
                if cut.isReset {
                    Patience.pause(milliseconds: 100)
                    connection.reset()
                }
                return
            }
        })
        let client = try setup.client()
        do {
            // Broken in its first bytes it may be noticed before the head has gone; a reset may overtake the head.
            let status = try client.exchange("GET / \(cut.version)\r\nHost: a.test\r\n\r\n").status
            #expect(status == 502 || cut.isReset && status == 503)
        } catch is WireError {}
        #expect(try setup.isServing())
    }

    /// A reset would throw away what the client has not read yet.
    @Test("an answer that breaks off leaves those before it whole", .enabled(if: !TestProtocol.isHTTP2)) func earlierAnswers() throws {
        let size = 300_000
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target != "/cut" { try connection.send(ok(String(repeating: "w", count: size))) } else {
                    try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
                    return connection.reset()
                }
            }
        })
        let client = try setup.client(receiveBuffer: 16 * 1024)
        try client.send(get("/whole") + get("/cut"))
        try Patience.wait(for: "the second request's origin to have gone") { setup.origin.requests.count == 2 && setup.origin.openConnectionCount == 0 }
        Patience.pause(milliseconds: 100)
        // Nobody has told the client that this one comes too late.
        try client.send(get("/late"))
        let whole = try client.readResponse()
        #expect(whole.status == 200 && whole.bodyText.utf8.count == size)
        if let cut = try? client.readResponse() { #expect(cut.status == 502) }
        #expect(try setup.isServing())
    }

    /// The kernel tells of a reset once; who reads behind that sees an end in order.
    @Test("a reset that a write hears of does not end a body in order", .enabled(if: !TestProtocol.isHTTP2)) func resetWhileSending() throws {
        let isRead = Gate()
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead()?.target == "/cut" else { return try connection.send(ok("here")) }
            try connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart")
            try isRead.wait()
            connection.reset()
        })
        let client = try setup.client()
        try client.send("POST /cut HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n" + String(repeating: "x", count: 1000))
        #expect(try client.read(through: "part").contains("chunked"))
        try setup.proxy.paused {
            try client.send(String(repeating: "x", count: 100_000))
            isRead.open()
            try Patience.wait(for: "the reset") { setup.origin.openConnectionCount == 0 }
        }
        let rest = try? client.readToEnd()
        #expect(rest.map { String(decoding: $0, as: UTF8.self) } != "\r\n0\r\n\r\n")
        try setup.proxy.waitForLog("response cut")
        #expect(try setup.isServing())
    }

    @Test("a server that cannot be reached is a 502, at once") func unreachable() throws {
        let port = try FreePorts.next()
        let proxy = try FairwayProcess(routes: "gone: * -> \"http://127.0.0.1:\(port)\"")
        let client = try RawClient(port: proxy.port)
        for _ in 0..<3 { #expect(try client.exchange(get("/")).status == 502) }
        try Patience.wait(for: "a line in the log that tells why; its log:\n\(proxy.log)") { proxy.log.contains("connect: Connection refused") }
    }

    @Test("an answer that comes before the request is complete reaches the client") func earlyAnswer() throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
            _ = try? connection.readToEnd()
        })
        let client = try setup.client()
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n" + String(repeating: "x", count: 1000))
        let response = try client.readResponse()
        #expect(response.status == 413 && response.bodyText == "no" && (response.hasToken("close", in: "Connection") || TestProtocol.isHTTP2))
    }

    @Test("an origin that answers before it is asked is heard", arguments: [true, false]) func answersFirst(ends: Bool) throws {
        let setup = try Setup(serve: { connection in
            try connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull")
            if ends { connection.finish() }
            _ = try? connection.readToEnd()
        })
        // Many at once: to some, the connection and the answer on it are one event.
        let clients = try (0..<60).map { _ in try setup.client() }
        for client in clients { try client.send(get("/")) }
        for client in clients {
            let response = try client.readResponse()
            #expect(response.status == 503 && response.bodyText == "full")
        }
    }

    /// What follows on such a connection would be the rest of the first request to the origin.
    @Test("a connection whose request did not go out whole serves nobody else", arguments: ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"])
    func unfinishedRequest(rest: String) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequestHead() {
                try connection.send(request.method == "POST" ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno" : ok(request.target))
            }
        })
        let client = try setup.client()
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\n\(rest)")
        #expect(try client.readResponse().status == 403)
        #expect(try setup.client().exchange(get("/next")).bodyText == "/next")
        #expect(setup.origin.connectionCount == 2)
    }
}
