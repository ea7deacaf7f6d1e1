import TestSupport
import Testing

/// PROXY headers to upstreams, and upstreams that are forward proxies themselves.
@Suite("PROXY protocol out, forward proxies")
struct BackendProxyTests {
    /// An origin that reads a PROXY header of this length first and tells what it says.
    private static func origin(headerBytes: Int = 28) throws -> LoopbackOrigin {
        try LoopbackOrigin(serve: { connection in
            let header = try connection.readExactly(headerBytes)
            while let request = try connection.readRequest() {
                try connection.send(ok(header.map { String($0) }.joined(separator: " "), fields: "X-Target: \(request.target)\r\nX-Connection: \(request.value("connection") ?? "")\r\n"))
            }
        })
    }

    private static let start = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21]

    private func bytes(_ response: RawMessage) -> [Int] { response.bodyText.split(separator: " ").compactMap { Int($0) } }

    @Test("each request has a connection that says who its client is", arguments: [("backendProxyProtocol(\"v2\") ->", []), ("", ["-enable-proxy-protocol-backend"])])
    func header(filter: String, flags: [String]) throws {
        let origin = try Self.origin()
        let proxy = try FairwayProcess(routes: "all: * -> \(filter) \"\(origin.url)\"", flags: flags)
        let client = try RawClient(port: proxy.port)
        for number in 1...3 {
            let response = try client.exchange(get("/\(number)"))
            let header = bytes(response)
            #expect(header.prefix(16) == Self.start[...] + [0x11, 0, 12] && header[16..<24] == [127, 0, 0, 1, 127, 0, 0, 1])
            #expect(header[26] << 8 | header[27] == Int(proxy.port) && response.value("x-target") == "/\(number)" && response.value("x-connection") == "close")
            #expect(origin.connectionCount == number)
        }
        try Patience.wait(for: "the connections to be closed") { origin.openConnectionCount == 0 }
    }

    @Test("a filter switches the flag off for its route, and other routes share connections as ever") func off() throws {
        let origin = try LoopbackOrigin(answer: Setup.answer)
        let proxy = try FairwayProcess(routes: "all: * -> backendProxyProtocol(\"off\") -> \"\(origin.url)\"", flags: ["-enable-proxy-protocol-backend"])
        let client = try RawClient(port: proxy.port)
        for _ in 0..<3 { #expect(try client.exchange(get("/")).status == 200) }
        #expect(origin.connectionCount == 1)
    }

    @Test("a client that trusted proxies tell of is named, without a port") func trusted() throws {
        let origin = try Self.origin(headerBytes: 52)
        let proxy = try FairwayProcess(routes: "all: * -> backendProxyProtocol(\"v2\") -> \"\(origin.url)\"", flags: ["-trusted-hops", "1"])
        let header = bytes(try RawClient.get("/", port: proxy.port, fields: "X-Forwarded-For: 2001:db8::7\r\n"))
        #expect(header.prefix(16) == Self.start[...] + [0x21, 0, 36])
        #expect(header[16..<32] == [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7] && header[32..<48] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1])
        #expect(header[48] == 0 && header[49] == 0)
    }

    @Test("over h2c each stream has a connection of its own") func h2c() throws {
        let origin = try LoopbackOrigin(serve: { connection in
            let header = try connection.readExactly(28)
            let connection = try HTTP2OriginConnection(connection)
            while let request = try connection.readRequest() { try connection.answer(request, header.map { String($0) }.joined(separator: " ")) }
        })
        let proxy = try FairwayProcess(routes: "all: * -> backendProxyProtocol(\"v2\") -> \"h2c://127.0.0.1:\(origin.port)\"")
        let client = try RawClient(port: proxy.port)
        for number in 1...3 {
            #expect(bytes(try client.exchange(get("/"))).prefix(16) == Self.start[...] + [0x11, 0, 12])
            #expect(origin.connectionCount == number)
        }
        try Patience.wait(for: "the connections to be closed") { origin.openConnectionCount == 0 }
    }

    @Test("the header goes ahead of TLS") func encrypted() throws {
        let origin = try LoopbackOrigin(serve: { connection in
            _ = try connection.readExactly(28)
            // A TLS record with a handshake message.
            if try connection.readExactly(3) == [22, 3, 1] { try connection.send("no") }
        })
        let proxy = try FairwayProcess(routes: "all: * -> backendProxyProtocol(\"v2\") -> \"https://127.0.0.1:\(origin.port)\"")
        #expect(try RawClient.get("/", port: proxy.port).status == 502)
        try Patience.wait(for: "the origin's script to end") { origin.openConnectionCount == 0 }
        #expect(origin.failures.isEmpty)
    }

    @Test("wrong arguments cost the route", arguments: ["", "\"v1\"", "2", "\"v2\", \"v2\""]) func arguments(text: String) throws {
        let proxy = try FairwayProcess(routes: "all: * -> backendProxyProtocol(\(text)) -> status(200) -> <shunt>")
        #expect(try RawClient.get("/", port: proxy.port).status == 404)
    }

    // MARK: backendIsProxy

    @Test("a forward proxy gets requests in absolute form, for the host the client asked", arguments: [
        (get("/a?b"), "http://a.test/a?b"), ("GET http://b.test:81/c HTTP/1.1\r\nHost: x\r\n\r\n", "http://b.test:81/c"),
    ])
    func absoluteForm(request: String, target: String) throws {
        let setup = try Setup(filters: "backendIsProxy() ->", answer: { ok("\($0.target) \($0.value("host") ?? "")") })
        guard !TestScheme.isHTTPS else { return }
        let host = target.split(separator: "/")[1]
        #expect(try setup.client().exchange(request).bodyText == "\(target) \(host)")
    }

    @Test("chosen by filters") func dynamic() throws {
        let origin = try LoopbackOrigin(answer: { ok("\($0.target) \($0.value("host") ?? "")") })
        let proxy = try FairwayProcess(routes: "all: * -> setDynamicBackendUrl(\"\(origin.url)\") -> backendIsProxy() -> <dynamic>", flags: ["-tls-cert", ""])
        #expect(try RawClient(port: proxy.port).exchange(get("/d")).bodyText == "http://a.test/d a.test")
    }

    /// A proxy that makes tunnels to one origin, whatever it is asked for, and says what it was asked.
    private static func tunnels(to port: UInt16, answer: String = "HTTP/1.1 200 Connection established\r\n\r\n") throws -> LoopbackOrigin {
        try LoopbackOrigin(serve: { connection in
            guard let request = try connection.readRequestHead(), request.method == "CONNECT" else { return try connection.send("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n") }
            try connection.send(answer)
            try connection.join(with: port)
        })
    }

    @Test("for a client that came by TLS it makes a tunnel, in which TLS begins", arguments: [true, false]) func tunnel(takesHTTP2: Bool) throws {
        let authority = try TestAuthority()
        let pair = try authority.issue(["DNS:a.test"])
        let origin = try LoopbackOrigin(certificate: pair, takesHTTP2: { _ in takesHTTP2 }, serve: { connection in
            if connection.isHTTP2 {
                let connection = try HTTP2OriginConnection(connection)
                while let request = try connection.readRequest() { try connection.answer(request, "h2 \(request.path) \(request.value(":authority") ?? "")") }
            } else {
                while let request = try connection.readRequest() { try connection.send(ok("h1 \(request.target) \(request.value("host") ?? "")")) }
            }
        })
        let middle = try Self.tunnels(to: origin.port)
        let proxy = try FairwayProcess(
            routes: "all: * -> backendIsProxy() -> backendTLSCA(\"\(authority.certificate)\") -> \"\(middle.url)\"", flags: ["-tls-cert", pair.certificate, "-tls-key", pair.key])
        let client = try RawClient(port: proxy.port, isEncrypted: true)
        for number in 0..<3 { #expect(try client.exchange(get("/\(number)")).bodyText == "\(takesHTTP2 ? "h2" : "h1") /\(number) a.test") }
        #expect(middle.requests.map(\.target) == ["a.test:443"] && origin.connectionCount == 1)
        // Another host is another origin, and its certificate another.
        #expect(try client.exchange("GET / HTTP/1.1\r\nHost: b.test:8443\r\n\r\n").status == 502)
        #expect(middle.requests.map(\.target) == ["a.test:443", "b.test:8443"])
    }

    // MARK: A client's own CONNECT

    private static func request(_ target: String, fields: String = "") -> String { "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n\(fields)\r\n" }

    @Test("a client's CONNECT is put to the forward proxy, and its tunnel carries bytes both ways until both have ended") func connect() throws {
        let origin = try LoopbackOrigin(answer: { ok("\($0.method) \($0.target)") })
        let middle = try Self.tunnels(to: origin.port)
        let proxy = try FairwayProcess(routes: "all: * -> backendIsProxy() -> \"\(middle.url)\"", flags: ["-tls-cert", "", "-tls-key", ""])
        let client = try RawClient(port: proxy.port, isEncrypted: false)
        try client.send(Self.request("b.test:8443", fields: "Connection: X-Mine\r\nX-Mine: 1\r\nX-Other: 2\r\n"))
        let head = try client.read(through: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 ") && !head.lowercased().contains("upgrade") && !head.lowercased().contains("content-length"), "\(head)")
        for number in 0..<3 { #expect(try client.exchange(get("/\(number)")).bodyText == "GET /\(number)") }
        let asked = try #require(middle.requests.first)
        #expect(asked.target == "b.test:8443" && asked.values("host") == ["b.test:8443"] && asked.value("x-mine") == nil && asked.value("x-other") == "2")
        client.finish()
        #expect(try client.endsCleanly())
        try Patience.wait(for: "the tunnel to end") { middle.openConnectionCount == 0 }
    }

    @Test("who is refused a tunnel is told, and the connection to the forward proxy serves nobody else") func connectRefused() throws {
        let middle = try LoopbackOrigin(serve: { connection in
            while let request = try connection.readRequestHead() { try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: \(request.target.utf8.count)\r\n\r\n\(request.target)") }
        })
        let proxy = try FairwayProcess(routes: "all: * -> backendIsProxy() -> \"\(middle.url)\"", flags: ["-tls-cert", "", "-tls-key", ""])
        for number in 1...2 {
            let response = try RawClient(port: proxy.port, isEncrypted: false).exchange(Self.request("b.test:443"), method: "GET")
            #expect(response.status == 403 && response.bodyText == "b.test:443")
            #expect(middle.connectionCount == number)
        }
    }

    @Test("no CONNECT becomes a tunnel by other backends, nor without the form it needs", arguments: [
        ("", request("b.test:443"), nil), ("backendIsProxy() ->", request("b.test:443", fields: "Content-Length: 3\r\n") + "abc", 501),
        ("backendIsProxy() ->", request("b.test"), 400), ("backendIsProxy() ->", request("/"), 400),
    ] as [(String, String, Int?)])
    func noTunnel(filter: String, request: String, status: Int?) throws {
        let middle = try LoopbackOrigin(serve: { connection in
            while let request = try connection.readRequestHead() { try connection.send("HTTP/1.1 \(request.target.contains("443") ? 200 : 400) Said\r\nContent-Length: 0\r\n\r\n") }
        })
        let proxy = try FairwayProcess(routes: "all: * -> \(filter) \"\(middle.url)\"", flags: ["-tls-cert", "", "-tls-key", ""])
        let answer = try RawClient(port: proxy.port, isEncrypted: false).exchange(request, method: "GET").status
        #expect(answer == status ?? answer && answer >= 400)
    }

    @Test("no tunnel, no answer", arguments: [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "no tunnel: status 403"), ("HTTP/1.1 200 OK\r\n\r\nmore", "malformed"), ("SSH-2.0-OpenSSH_9.2 Debian\r\n\r\n", "malformed"), ("", "closed"),
    ])
    func refused(answer: String, reason: String) throws {
        let authority = try TestAuthority()
        let pair = try authority.issue(["DNS:a.test"])
        let middle = try LoopbackOrigin(serve: { connection in
            _ = try connection.readRequestHead()
            try connection.send(answer)
        })
        let proxy = try FairwayProcess(
            routes: "all: * -> backendIsProxy() -> \"\(middle.url)\"", flags: ["-tls-cert", pair.certificate, "-tls-key", pair.key])
        #expect(try RawClient(port: proxy.port, isEncrypted: true).exchange(get("/")).status == 502)
        try proxy.waitForLog("502", reason)
    }
}
