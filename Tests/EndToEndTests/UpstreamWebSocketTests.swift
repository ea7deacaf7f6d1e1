import TestSupport
import Testing

/// WebSockets to upstreams that speak HTTP/2: extended CONNECT, RFC 8441.
@Suite("WebSockets over HTTP/2 to upstreams")
struct UpstreamWebSocketTests {
    private static let accept = (UInt16(8), UInt32(1))
    // The key and the proof of RFC 6455 §1.3.
    private static let upgrade = """
        GET /chat?room=1 HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nOrigin: http://a.test\r\n\r\n
        """
    private static let connect = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"), (":path", "/chat?room=1"), ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ]

    /// Answers requests, and sends back what comes over tunnels.
    private static let echo: @Sendable (HTTP2OriginConnection, Int) throws -> Void = { connection, _ in
        var tunnels: Set<UInt32> = []
        while true {
            let frame: HTTP2Frame
            do { frame = try connection.readFrame() } catch WireError.cutShort { return }
            switch frame.type {
            case 1:
                let fields = try connection.fields(frame)
                let seen = fields.map(\.description).joined(separator: "|")
                guard fields.contains(where: { $0.description == ":protocol: websocket" }) else {
                    try connection.send(.headers(frame.stream, [(":status", "200")], end: false), .data(frame.stream, Array("plain".utf8), end: true))
                    continue
                }
                tunnels.insert(frame.stream)
                try connection.send(.headers(frame.stream, [(":status", "200"), ("sec-websocket-protocol", "chat"), ("x-seen", seen)], end: false))
            case 0 where tunnels.contains(frame.stream):
                if !frame.payload.isEmpty { try connection.send(.windowUpdate(0, UInt32(frame.payload.count)), .windowUpdate(frame.stream, UInt32(frame.payload.count))) }
                try connection.send(.data(frame.stream, frame.payload, end: frame.endsStream))
            default: continue
            }
        }
    }

    /// The origin must be known to choose HTTP/2 before a tunnel can go by it.
    private static func warmed(_ setup: HTTP2Setup) throws -> HTTP2Setup {
        #expect(try RawClient.get("/", port: setup.proxy.port).bodyText == "plain")
        return setup
    }

    @Test("from HTTP/1.1", arguments: HTTP2Choice.allCases) func fromHTTP1(choice: HTTP2Choice) throws {
        let setup = try Self.warmed(HTTP2Setup(choice, settings: [Self.accept], serve: Self.echo))
        for _ in 0..<3 {
            let client = try RawClient(port: setup.proxy.port, speaksHTTP1: true)
            try client.send(Self.upgrade + "early\n")
            let response = try client.readResponse()
            #expect(response.status == 101 && response.value("Upgrade") == "websocket" && response.hasToken("upgrade", in: "Connection"))
            #expect(response.value("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" && response.value("Sec-WebSocket-Protocol") == "chat")
            let seen = response.value("x-seen")?.split(separator: "|") ?? []
            #expect(seen.prefix(5) == [
                ":method: CONNECT", ":protocol: websocket", ":scheme: \(choice == .https ? "https" : "http")", ":authority: 127.0.0.1:\(setup.origin.port)", ":path: /chat?room=1",
            ])
            #expect(seen.contains { $0.lowercased() == "sec-websocket-version: 13" } && seen.contains("origin: http://a.test"))
            #expect(!seen.contains { $0.hasPrefix("sec-websocket-key") || $0.hasPrefix("connection") || $0.hasPrefix("upgrade") || $0.hasPrefix("host") })
            #expect(try client.read(through: "\n") == "early\n")
            for number in 0..<20 {
                try client.send("\(number)\n")
                #expect(try client.read(through: "\n") == "\(number)\n")
            }
            client.finish()
            #expect(try client.endsCleanly())
        }
        #expect(setup.origin.connectionCount == 1)
    }

    @Test("from HTTP/2", arguments: HTTP2Choice.allCases) func fromHTTP2(choice: HTTP2Choice) throws {
        let setup = try Self.warmed(HTTP2Setup(choice, settings: [Self.accept], serve: Self.echo))
        let client = try setup.client()
        try client.send(.headers(1, Self.connect, end: false), .headers(3, Self.connect, end: false))
        for _ in 0..<2 {
            let head = try client.fields(client.read(until: 1))
            #expect(head.contains { $0.description == ":status: 200" } && head.contains { $0.description == "sec-websocket-protocol: chat" })
            #expect(!head.contains { $0.name == "upgrade" || $0.name == "connection" || $0.name == "sec-websocket-accept" })
        }
        for stream in [UInt32(3), 1, 3, 1] {
            try client.send(.data(stream, Array("to \(stream)".utf8)))
            let data = try client.read(until: 0)
            #expect(data.stream == stream && data.payload == Array("to \(stream)".utf8))
        }
        // One ends, the other goes on.
        try client.send(.data(1, [], end: true))
        let end = try client.readTelling()
        #expect(end.stream == 1 && (end.type == 3 || end.endsStream))
        try client.send(.data(3, Array("still".utf8)))
        #expect(try client.read(until: 0).payload == Array("still".utf8))
        try client.send(.reset(3, 8))
        #expect(try client.exchangeOn(5).bodyText == "plain" && setup.origin.connectionCount == 1)
    }

    @Test("as the first request, when the origin has said nothing yet") func first() throws {
        let setup = try HTTP2Setup(.h2c, settings: [Self.accept], serve: Self.echo)
        let client = try RawClient(port: setup.proxy.port)
        #expect(try client.exchange(Self.upgrade).status == 101)
        try client.send("hello\n")
        #expect(try client.read(through: "\n") == "hello\n")
    }

    @Test("many bytes at once, both ways", arguments: HTTP2Choice.allCases) func large(choice: HTTP2Choice) throws {
        let setup = try Self.warmed(HTTP2Setup(choice, settings: [Self.accept], serve: Self.echo))
        let client = try RawClient(port: setup.proxy.port)
        #expect(try client.exchange(Self.upgrade).status == 101)
        let text = (0..<(2 << 20) / 8).map { String($0 % 10_000_000 + 10_000_000) }.joined()
        // The origin does not mind the proxy's windows, so no more may be under way than they allow.
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(16_000))
            try client.send(piece)
            #expect(try client.readExactly(piece.count) == piece)
            rest = rest.dropFirst(piece.count)
        }
    }

    @Test("an origin without extended CONNECT: 502 with the reason, and requests go on", arguments: [true, false]) func unsupported(isFirst: Bool) throws {
        let setup = try HTTP2Setup(.h2c, serve: Self.echo)
        if !isFirst { _ = try Self.warmed(setup) }
        #expect(try RawClient(port: setup.proxy.port).exchange(Self.upgrade).status == 502)
        try setup.proxy.waitForLog("502", "no WebSockets over HTTP/2")
        let client = try setup.client()
        try client.send(.headers(1, Self.connect, end: false))
        #expect(try client.readResponse(1).status == 502)
        #expect(try client.exchangeOn(3).bodyText == "plain" && setup.origin.connectionCount == 1)
    }

    @Test("by ALPN, without extended CONNECT: HTTP/1.1 carries it") func fallback() throws {
        let authority = try TestAuthority()
        let origin = try LoopbackOrigin(certificate: authority.issue(["IP:127.0.0.1"]), takesHTTP2: { _ in true }, serve: { connection in
            if connection.isHTTP2 { return try Self.echo(HTTP2OriginConnection(connection), 0) }
            guard try connection.readRequestHead() != nil else { return }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: own\r\n\r\n")
            while let line = try? connection.read(through: "\n") { try connection.send("echo \(line)") }
        })
        let proxy = try FairwayProcess(routes: "all: * -> \"\(origin.url)\"", flags: ["-insecure"])
        #expect(try RawClient.get("/", port: proxy.port).bodyText == "plain")
        let client = try RawClient(port: proxy.port, speaksHTTP1: true)
        let response = try client.exchange(Self.upgrade)
        #expect(response.status == 101 && response.value("Sec-WebSocket-Accept") == "own")
        try client.send("hello\n")
        #expect(try client.read(through: "\n") == "echo hello\n")
        withExtendedLifetime(authority) {}
    }

    @Test("an origin that never says what it allows is given up") func silent() throws {
        let origin = try LoopbackOrigin(serve: { connection in _ = try connection.readToEnd() })
        let proxy = try FairwayProcess(routes: "all: * -> \"h2c://127.0.0.1:\(origin.port)\"", flags: ["-timeout-backend", "200ms"])
        #expect(try RawClient(port: proxy.port).exchange(Self.upgrade).status == 503)
        withExtendedLifetime(proxy) {}
    }

    @Test("answers that are no tunnel", arguments: [("403", "", 403), ("404", "nothing", 404), ("307", "there", 307), ("101", "", 502)])
    func declined(status: String, body: String, told: Int) throws {
        let setup = try HTTP2Setup(.h2c, settings: [Self.accept]) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                guard frame.type == 1 else { continue }
                _ = try connection.fields(frame)
                try connection.send(.headers(frame.stream, [(":status", status), ("x-why", "y")], end: body.isEmpty))
                if !body.isEmpty { try connection.send(.data(frame.stream, Array(body.utf8), end: true)) }
            }
        }
        for _ in 0..<2 {
            let response = try RawClient(port: setup.proxy.port).exchange(Self.upgrade)
            #expect(response.status == told && (told == 502 || response.bodyText == body && response.value("x-why") == "y"))
        }
        #expect(setup.origin.connectionCount == 1)
    }

    @Test("a tunnel that the origin breaks is broken for the client", arguments: ["reset", "close", "end"]) func broken(how: String) throws {
        let setup = try HTTP2Setup(.h2c, settings: [Self.accept]) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                guard frame.type == 1 else { continue }
                _ = try connection.fields(frame)
                // A length says nothing behind CONNECT.
                try connection.send(.headers(frame.stream, [(":status", "200"), ("content-length", "3")], end: false), .data(frame.stream, Array("hello".utf8)))
                if how == "close" { return }
                try connection.send(how == "reset" ? .reset(frame.stream, 2) : .data(frame.stream, [], end: true))
            }
        }
        let client = try RawClient(port: setup.proxy.port)
        #expect(try client.exchange(Self.upgrade).status == 101)
        if how == "end" {
            #expect(try client.readToEnd() == Array("hello".utf8))
        } else {
            _ = try? client.readToEnd()
        }
        #expect(try setup.client().exchange(HTTP2Frame.get(), body: nil).status != 0)
    }

    @Test("other upgrades, and those with a body, are ordinary requests over h2c", arguments: [("Upgrade: other\r\n", ""), ("Upgrade: websocket\r\nContent-Length: 4\r\n", "body")])
    func ordinary(fields: String, body: String) throws {
        let setup = try HTTP2Setup(.h2c, settings: [Self.accept], serve: Self.echo)
        let response = try RawClient(port: setup.proxy.port, speaksHTTP1: true).exchange("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n\(fields)\r\n\(body)")
        #expect(response.status == 200 && response.bodyText == "plain")
    }
}
