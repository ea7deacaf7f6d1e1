import TestSupport
import Testing

/// Which protocol an `https` upstream is spoken with: it chooses, by ALPN.
@Suite("HTTP/2 or HTTP/1.1 to https upstreams")
struct UpstreamProtocolTests {
    private static let authority = try! TestAuthority()
    private static let pair = try! authority.issue(["IP:127.0.0.1"])

    /// An origin that answers in what was chosen for each connection, saying which that was.
    private static func origin(takesHTTP2: @escaping @Sendable (Int) -> Bool) throws -> LoopbackOrigin {
        try LoopbackOrigin(certificate: pair, takesHTTP2: takesHTTP2, serve: { connection in
            if connection.isHTTP2 {
                let connection = try HTTP2OriginConnection(connection)
                while let request = try connection.readRequest() { try connection.answer(request, "h2 \(request.path) \(String(decoding: request.body, as: UTF8.self))") }
            } else {
                while let request = try connection.readRequest() { try connection.send(ok("h1 \(request.target) \(request.bodyText)")) }
            }
        })
    }

    private static func proxy(_ origin: LoopbackOrigin, flags: [String] = []) throws -> FairwayProcess {
        try FairwayProcess(routes: "all: * -> \"\(origin.url)\"", flags: ["-insecure"] + flags)
    }

    @Test("what the origin chooses is spoken", arguments: [(true, [], "h2"), (false, [], "h1"), (true, ["-enable-http2-backend=false"], "h1")])
    func choice(takesHTTP2: Bool, flags: [String], spoken: String) throws {
        let origin = try Self.origin { _ in takesHTTP2 }
        let proxy = try Self.proxy(origin, flags: flags)
        let client = try RawClient(port: proxy.port)
        for number in 0..<5 {
            #expect(try client.exchange(get("/\(number)")).bodyText == "\(spoken) /\(number) ")
            #expect(try client.exchange(post("/\(number)", "body")).bodyText == "\(spoken) /\(number) body")
        }
        #expect(origin.connectionCount == 1)
    }

    @Test("an origin that changes its mind, and changes it back, costs nobody an error", arguments: ["GET", "POST"]) func change(method: String) throws {
        let origin = try Self.origin { $0 % 2 == 0 }
        let proxy = try Self.proxy(origin, flags: ["-close-idle-conns-period", "100ms"])
        let client = try RawClient(port: proxy.port)
        for round in 0..<6 {
            let response = try client.exchange(method == "GET" ? get("/") : post("/", "body"))
            #expect(response.status == 200 && response.bodyText == "\(round % 2 == 0 ? "h2" : "h1") / \(method == "GET" ? "" : "body")")
            try Patience.wait(for: "the idle connection to be closed") { origin.openConnectionCount == 0 }
        }
        #expect(origin.connectionCount == 6)
    }

    @Test("many that wait for one connection each find another way when it is not for many") func downgradeOfMany() throws {
        let origin = try Self.origin { $0 == 0 }
        let proxy = try Self.proxy(origin, flags: ["-close-idle-conns-period", "100ms"])
        #expect(try RawClient.get("/first", port: proxy.port).bodyText == "h2 /first ")
        try Patience.wait(for: "the idle connection to be closed") { origin.openConnectionCount == 0 }
        let client = try HTTP2Client(port: proxy.port)
        try client.send((0..<20).map { .headers(UInt32(2 * $0 + 1), HTTP2Frame.post("/\(2 * $0 + 1)"), end: false) })
        try client.send((0..<20).map { .data(UInt32(2 * $0 + 1), Array("body".utf8), end: true) })
        var bodies: [UInt32: String] = [:]
        while bodies.count < 20 {
            let frame = try client.readTelling()
            #expect(frame.type <= 1)
            if frame.type == 1 { #expect(try client.fields(frame).contains { $0.description == ":status: 200" }) }
            if frame.type == 0, !frame.payload.isEmpty { bodies[frame.stream] = String(decoding: frame.payload, as: UTF8.self) }
        }
        #expect(bodies.allSatisfy { $0.value == "h1 /\($0.key) body" })
    }

    @Test("the first requests each dial, and share the connection that is there first") func firstRequests() throws {
        let origin = try Self.origin { _ in true }
        let proxy = try Self.proxy(origin)
        let client = try HTTP2Client(port: proxy.port)
        for wave in 0..<3 {
            try client.send((0..<20).map { .headers(UInt32(40 * wave + 2 * $0 + 1), HTTP2Frame.get("/x")) })
            var ended = 0
            while ended < 20 {
                let frame = try client.readTelling()
                #expect(frame.type <= 1)
                if frame.type == 1 { #expect(try client.fields(frame).contains { $0.description == ":status: 200" }) }
                if frame.endsStream { ended += 1 }
            }
        }
        try Patience.wait(for: "the spare connections to be closed") { origin.openConnectionCount == 1 }
        #expect(origin.connectionCount <= 20)
    }

    @Test("upgrades go by HTTP/1.1, beside requests by HTTP/2") func upgrade() throws {
        let origin = try LoopbackOrigin(certificate: Self.pair, takesHTTP2: { _ in true }, serve: { connection in
            if connection.isHTTP2 {
                let connection = try HTTP2OriginConnection(connection)
                while let request = try connection.readRequest() { try connection.answer(request, "h2") }
            } else {
                guard try connection.readRequestHead() != nil else { return }
                try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                while let line = try? connection.read(through: "\n") { try connection.send("echo \(line)") }
            }
        })
        let proxy = try Self.proxy(origin)
        for _ in 0..<2 {
            #expect(try RawClient.get("/", port: proxy.port).bodyText == "h2")
            let client = try RawClient(port: proxy.port)
            #expect(try client.exchange("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").status == 101)
            try client.send("hello\n")
            #expect(try client.read(through: "\n") == "echo hello\n")
        }
    }

    @Test("an upstream that refuses behind the handshake says why", arguments: [true, false]) func clientCertificateMissing(offersHTTP2: Bool) throws {
        // TLS 1.3: the server refuses a client without a certificate behind the handshake, RFC 8446 §4.4.2.4.
        let server = try OpenSSLServer(["-cert", Self.pair.certificate, "-key", Self.pair.key, "-Verify", "1", "-verify_return_error", "-alpn", "h2"])
        let proxy = try FairwayProcess(routes: "all: * -> \"https://127.0.0.1:\(server.port)\"", flags: ["-insecure", "-enable-http2-backend=\(offersHTTP2)"])
        #expect(try RawClient.get("/", port: proxy.port).status == 502)
        try proxy.waitForLog("502 TLS handshake: ", "certificate required")
    }
}
