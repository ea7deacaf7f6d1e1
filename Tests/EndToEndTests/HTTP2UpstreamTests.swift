import TestSupport
import Testing

/// How an upstream comes to speak HTTP/2; what it does with it is the same.
enum HTTP2Choice: String, CaseIterable, Sendable, CustomStringConvertible {
    case h2c, https

    var description: String { rawValue }
    private static let authority = try! TestAuthority()
    private static let pair = try! authority.issue(["IP:127.0.0.1"])

    func origin(serve: @escaping @Sendable (OriginConnection) throws -> Void) throws -> LoopbackOrigin {
        try LoopbackOrigin(certificate: self == .https ? HTTP2Choice.pair : nil, takesHTTP2: { _ in true }, serve: serve)
    }

    /// With every one of these values.
    static func with<Value>(_ values: [Value]) -> [(HTTP2Choice, Value)] { allCases.flatMap { choice in values.map { (choice, $0) } } }
}

/// A proxy before one origin that speaks HTTP/2 with every connection.
struct HTTP2Setup {
    let origin: LoopbackOrigin
    let proxy: FairwayProcess

    init(
        _ choice: HTTP2Choice, settings: [(UInt16, UInt32)] = [], flags: [String] = [],
        serve: @escaping @Sendable (HTTP2OriginConnection, Int) throws -> Void
    ) throws {
        origin = try choice.origin(serve: { try serve(HTTP2OriginConnection($0, settings: settings), $0.number) })
        proxy = try FairwayProcess(routes: "all: * -> \"\(choice)://127.0.0.1:\(origin.port)\"", on: .ipv4, flags: ["-insecure"] + flags)
    }

    func client() throws -> HTTP2Client { try HTTP2Client(port: proxy.port) }
}

@Suite("HTTP/2 to upstreams, by prior knowledge and by ALPN")
struct HTTP2UpstreamTests {

    private static let echo: @Sendable (HTTP2OriginConnection, Int) throws -> Void = { connection, _ in
        while let request = try connection.readRequest() {
            // What does not fit into a window is told by its size.
            let body = request.body.count < 10_000 ? String(decoding: request.body, as: UTF8.self) : "\(request.body.count)"
            try connection.answer(request, "\(request.value(":method")!) \(request.path) \(body)", trailers: request.trailers.map { ($0.name, $0.value) })
        }
    }

    @Test("HTTP/1 in, HTTP/2 out", arguments: HTTP2Choice.allCases) func translation(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                let seen = request.fields.map(\.description).joined(separator: "|")
                try connection.answer(request, seen, fields: [("x-from", "h2")], trailers: [("x-sum", "1")])
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        let response = try client.exchange("GET /a%20b?c HTTP/1.1\r\nHost: a.test\r\nX-Mixed-Case: V\r\nConnection: x-gone, te\r\nX-Gone: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\n\r\n")
        #expect(response.status == 200 && response.value("x-from") == "h2" && response.trailers.map(\.description) == ["x-sum: 1"])
        let fields = response.bodyText.split(separator: "|")
        #expect(fields.prefix(4) == [":method: GET", ":scheme: \(choice == .https ? "https" : "http")", ":authority: 127.0.0.1:\(backed.origin.port)", ":path: /a%20b?c"])
        #expect(fields.contains("x-mixed-case: V") && fields.contains("te: trailers"))
        #expect(!fields.contains { $0.hasPrefix("x-gone") || $0.hasPrefix("connection") || $0.hasPrefix("keep-alive") || $0.hasPrefix("host") })
        #expect(try client.exchange(get("/again")).status == 200 && backed.origin.connectionCount == 1)
    }

    @Test("a head that ends its stream is a whole response", arguments: HTTP2Choice.with([200, 204, 404])) func headOnly(choice: HTTP2Choice, status: Int) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() { try connection.send(.headers(request.stream, [(":status", "\(status)")])) }
        }
        let client = try RawClient(port: backed.proxy.port)
        for _ in 0..<2 {
            let response = try client.exchange(get("/"))
            #expect(response.status == status && response.body.isEmpty && response.value("content-length") == (status == 204 ? nil : "0"))
        }
        let response = try backed.client().exchange(HTTP2Frame.get())
        #expect(response.status == status && response.body.isEmpty && response.value("content-length") == nil)
    }

    @Test("bodies and trailers both ways", arguments: HTTP2Choice.with(["", "hello", String(repeating: "0123456789abcdef", count: 20_000)])) func bodies(choice: HTTP2Choice, body: String) throws {
        let backed = try HTTP2Setup(choice, serve: Self.echo)
        let echoed = body.utf8.count < 10_000 ? body : "\(body.utf8.count)"
        #expect(try RawClient(port: backed.proxy.port).exchange(post("/p", body)).bodyText == "POST /p \(echoed)")
        guard body.utf8.count < 60_000 else { return }
        let response = try backed.client().exchange(HTTP2Frame.post("/q"), body: body, trailers: [("x-sum", "2")])
        #expect(response.bodyText == "POST /q \(body)" && response.trailers.map(\.description) == ["x-sum: 2"])
    }

    @Test("many requests share a connection, and answers may come in any order", arguments: HTTP2Choice.allCases) func multiplexed(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            var waiting: [HTTP2OriginConnection.Request] = []
            while let request = try connection.readRequest() {
                waiting.append(request)
                if waiting.count < 20 { continue }
                for request in waiting.reversed() { try connection.answer(request, request.path) }
                waiting = []
            }
        }
        let client = try backed.client()
        try client.send((0..<20).map { .headers(UInt32(2 * $0 + 1), HTTP2Frame.get("/\(2 * $0 + 1)")) })
        var bodies: [UInt32: String] = [:]
        while bodies.count < 20 {
            let frame = try client.readTelling()
            if frame.type == 1 { _ = try client.fields(frame) }
            if frame.type == 0, !frame.payload.isEmpty { bodies[frame.stream] = String(decoding: frame.payload, as: UTF8.self) }
        }
        #expect(bodies.allSatisfy { $0.value == "/\($0.key)" })
        // Who does not know yet what the origin chooses dials, and leaves the connection for one that was quicker.
        try Patience.wait(for: "the spare connections to be closed") { backed.origin.openConnectionCount == 1 }
    }

    @Test("an origin's limit of streams is kept by further connections", arguments: HTTP2Choice.allCases) func streamLimit(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice, settings: [(3, 2)]) { connection, _ in
            while let request = try connection.readRequest() {
                Patience.pause(milliseconds: request.path == "/first" ? 0 : 300)
                try connection.answer(request, request.path)
            }
        }
        let client = try backed.client()
        #expect(try client.exchange(HTTP2Frame.get("/first")).status == 200)
        try client.send((1...6).map { .headers(UInt32(2 * $0 + 1), HTTP2Frame.get("/x")) })
        var ended = 0
        while ended < 6 {
            let frame = try client.readTelling()
            #expect(frame.type != 3)
            if frame.type == 1 { #expect(try client.fields(frame).contains { $0.description == ":status: 200" }) }
            if frame.endsStream { ended += 1 }
        }
        #expect(backed.origin.connectionCount > 1)
    }

    @Test("what the origin has not begun with goes again", arguments: HTTP2Choice.with(["REFUSED_STREAM", "GOAWAY"]), ["GET", "POST"]) func refused(chosen: (HTTP2Choice, String), method: String) throws {
        let (choice, how) = chosen
        let backed = try HTTP2Setup(choice) { connection, number in
            while let request = try connection.readRequest() {
                if number > 0 || request.path == "/first" { try connection.answer(request, "\(request.path) \(request.body.count)"); continue }
                if how == "GOAWAY" {
                    try connection.send(HTTP2Frame(type: 7, HTTP2Frame.number(1) + HTTP2Frame.number(0)))
                } else {
                    try connection.send(.reset(request.stream, 7), HTTP2Frame(type: 7, HTTP2Frame.number(request.stream) + HTTP2Frame.number(0)))
                }
            }
        }
        let client = try backed.client()
        #expect(try client.exchange(HTTP2Frame.get("/first")).status == 200)
        let response = try method == "GET" ? client.exchange(HTTP2Frame.get("/again")) : client.exchange(HTTP2Frame.post("/again"), body: "hello")
        #expect(response.status == 200 && response.bodyText == "/again \(method == "GET" ? 0 : 5)")
        #expect(backed.origin.connectionCount == 2)
    }

    @Test("streams below GOAWAY's last end well", arguments: HTTP2Choice.allCases) func goAway(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                try connection.send(HTTP2Frame(type: 7, HTTP2Frame.number(request.stream) + HTTP2Frame.number(0)))
                Patience.pause(milliseconds: 100)
                try connection.answer(request, "late")
            }
        }
        let client = try backed.client()
        for _ in 0..<3 { #expect(try client.exchange(HTTP2Frame.get()).bodyText == "late") }
        #expect(backed.origin.connectionCount == 3)
    }

    @Test("what goes wrong upstream is a 502, and the next request is served", arguments: HTTP2Choice.with(["reset", "close", "two heads", "no status", "upper case", "short", "garbage", "connection field"]))
    func failures(choice: HTTP2Choice, how: String) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                let stream = request.stream
                if request.path == "/fine" { try connection.answer(request, "fine"); continue }
                switch how {
                case "reset": try connection.send(.reset(stream, 2))
                case "close": return
                case "two heads": try connection.send(.data(stream, [1], end: true))
                case "no status": try connection.send(.headers(stream, [("x", "y")]))
                case "upper case": try connection.send(.headers(stream, [(":status", "200"), ("X-Upper", "y")]))
                case "short": try connection.send(.headers(stream, [(":status", "200"), ("content-length", "5")], end: true))
                case "garbage": try connection.wire.send("HTTP/1.1 400 Bad Request\r\n\r\n")
                default: try connection.send(.headers(stream, [(":status", "200"), ("transfer-encoding", "chunked")]))
                }
            }
        }
        let client = try backed.client()
        let response = try client.exchange(HTTP2Frame.post("/bad"), body: "x")
        // A close with bytes unread is a reset, which is a 503 as over HTTP/1.
        #expect(response.status == 502 || how == "close" && response.status == 503, "\(response.status)")
        #expect(try client.exchange(HTTP2Frame.get("/fine")).bodyText == "fine")
    }

    @Test("a response that is cut is reset", arguments: HTTP2Choice.with(["reset", "close"])) func cut(choice: HTTP2Choice, how: String) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                if request.path == "/fine" { try connection.answer(request, "fine"); continue }
                try connection.send(.headers(request.stream, [(":status", "200")], end: false), .data(request.stream, Array("half".utf8)))
                Patience.pause(milliseconds: 50)
                if how == "close" { return }
                try connection.send(.reset(request.stream, 2))
            }
        }
        let client = try backed.client()
        let response = try client.exchange(HTTP2Frame.get("/cut"))
        #expect(response.bodyText == "half" && response.resetCode != nil)
        #expect(try client.exchange(HTTP2Frame.get("/fine")).bodyText == "fine")
    }

    @Test("a client that leaves is told to the origin, and only its stream", arguments: HTTP2Choice.allCases) func cancelled(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                if frame.type == 3 { return try connection.send(HTTP2Frame(type: 7, HTTP2Frame.number(frame.stream) + HTTP2Frame.number(frame.number(at: 0)))) }
            }
        }
        let client = try backed.client()
        try client.send(.headers(1, HTTP2Frame.get()))
        try Patience.wait(for: "the origin's connection") { backed.origin.connectionCount == 1 }
        Patience.pause(milliseconds: 100)
        try client.send(.reset(1, 8))
        try Patience.wait(for: "the origin to hear") { backed.origin.openConnectionCount == 0 }
        #expect(backed.origin.failures.isEmpty)
    }

    @Test("a slow client stops its stream, not the connection", arguments: HTTP2Choice.allCases) func slowClient(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                guard frame.type == 1 else { continue }
                let path = try connection.fields(frame).first { $0.name == ":path" }!.value
                try connection.send(.headers(frame.stream, [(":status", "200")], end: false))
                if path == "/big" {
                    // As much as the window allows and not more.
                    for _ in 0..<4 { try connection.send(.data(frame.stream, [UInt8](repeating: 1, count: 16_000))) }
                } else {
                    try connection.send(.data(frame.stream, Array("quick".utf8), end: true))
                }
            }
        }
        let slow = try HTTP2Client(port: backed.proxy.port, settings: [(4, 10)])
        try slow.send(.headers(1, HTTP2Frame.get("/big")))
        _ = try slow.fields(slow.read(until: 1))
        let client = try backed.client()
        for _ in 0..<20 { #expect(try client.exchange(HTTP2Frame.get("/quick")).bodyText == "quick") }
        #expect(backed.origin.connectionCount == 1)
    }

    @Test("gRPC: errors of the proxy's own are trailers-only", arguments: [("/none", "12"), ("/dead", "14")]) func grpcErrors(path: String, status: String) throws {
        let proxy = try FairwayProcess(routes: "dead: Path(\"/dead\") -> \"h2c://127.0.0.1:1\"")
        let client = try HTTP2Client(port: proxy.port)
        let response = try client.exchange(HTTP2Frame.post(path, more: [("content-type", "application/grpc+proto"), ("te", "trailers")]), body: "\0\0\0\0\0")
        #expect(response.status == 200 && response.body.isEmpty && response.value("grpc-status") == status && response.value("content-type") == "application/grpc")
        let plain = try client.exchange(HTTP2Frame.post(path, more: [("content-type", "application/grpc-web")]), body: "x")
        #expect(plain.status == (path == "/none" ? 404 : 502) && plain.value("grpc-status") == nil)
    }
}
