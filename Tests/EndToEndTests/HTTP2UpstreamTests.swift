import Synchronization
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
        _ choice: HTTP2Choice, settings: [(UInt16, UInt32)] = [], filters: String = "", flags: [String] = [],
        serve: @escaping @Sendable (HTTP2OriginConnection, Int) throws -> Void
    ) throws {
        origin = try choice.origin(serve: { try serve(HTTP2OriginConnection($0, settings: settings), $0.number) })
        proxy = try FairwayProcess(routes: "all: * -> \(filters) \"\(choice)://127.0.0.1:\(origin.port)\"", on: .ipv4, flags: ["-insecure"] + flags)
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

    @Test("a request that names no host names the origin, though the client's is preserved", .enabled(if: !TestProtocol.isHTTP2), arguments: ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"])
    func noHost(request: String) throws {
        let backed = try HTTP2Setup(.h2c, flags: ["-proxy-preserve-host"]) { connection, _ in
            while let request = try connection.readRequest() { try connection.answer(request, request.value(":authority") ?? "none") }
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send(request)
        #expect(try client.readResponse().bodyText == "127.0.0.1:\(backed.origin.port)")
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

    @Test("a body where none may be reaches no client, who would take it for the next response", arguments: HTTP2Choice.with(["HEAD 200", "HEAD 404", "GET 204", "GET 304"]), [true, false])
    func forbiddenBody(chosen: (HTTP2Choice, String), isAtOnce: Bool) throws {
        let words = chosen.1.split(separator: " ")
        let backed = try HTTP2Setup(chosen.0) { connection, _ in
            while let request = try connection.readRequest() {
                let head = HTTP2Frame.headers(request.stream, [(":status", "\(words[1])")], end: false), body = HTTP2Frame.data(request.stream, Array("HTTP/1.1 200 OK\r\n\r\n".utf8), end: true)
                if request.path == "/fine" { try connection.answer(request, "fine"); continue }
                if isAtOnce { try connection.send(head, body); continue }
                try connection.send(head)
                Patience.pause(milliseconds: 100)
                try connection.send(body)
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send("\(words[0]) / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        var said = ""
        // A connection that breaks may be reset; the error says what came before.
        do { said = String(decoding: try client.readToEnd(), as: UTF8.self) } catch WireError.reset(let before) { said = before }
        #expect(said.split(separator: "HTTP/1.1").count == 1, "\(said)")
        let response = try backed.client().exchange([(":method", String(words[0])), (":scheme", "http"), (":authority", "a.test"), (":path", "/")])
        #expect(response.status == 502 || response.body.isEmpty)
        #expect(try backed.client().exchange(HTTP2Frame.get("/fine")).bodyText == "fine")
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

    /// An origin that sends so many bytes as its windows allow.
    private static func sending(_ size: Int, noting sent: @escaping @Sendable (Int) -> Void = { _ in }) -> @Sendable (HTTP2OriginConnection, Int) throws -> Void {
        { connection, _ in
            var windows = (connection: 65_535, stream: 65_535), stream: UInt32 = 0, left = size
            while left > 0 {
                let frame = try connection.readFrame()
                switch frame.type {
                case 1:
                    stream = frame.stream
                    try connection.send(.headers(stream, [(":status", "200"), ("content-length", "\(size)")], end: false))
                case 4 where frame.flags == 0:
                    for start in stride(from: 0, to: frame.payload.count, by: 6) where frame.payload[start + 1] == 4 { windows.stream += Int(frame.number(at: start + 2)) - 65_535 }
                case 8: if frame.stream == 0 { windows.connection += Int(frame.number(at: 0)) } else { windows.stream += Int(frame.number(at: 0)) }
                default: break
                }
                while stream != 0, min(windows.connection, windows.stream) >= 16_384, left > 0 {
                    try connection.send(.data(stream, [UInt8](repeating: UInt8(ascii: "x"), count: 16_384), end: left == 16_384))
                    windows = (windows.connection - 16_384, windows.stream - 16_384)
                    left -= 16_384
                    sent(size - left)
                }
            }
            while try connection.readRequest() != nil {}
        }
    }

    @Test("a client that does not read stops the origin", arguments: HTTP2Choice.allCases) func idleReader(choice: HTTP2Choice) throws {
        let size = 32 << 20, sent = Mutex(0)
        let backed = try HTTP2Setup(choice, serve: Self.sending(size) { count in sent.withLock { $0 = count } })
        let client = try RawClient(port: backed.proxy.port, receiveBuffer: 64 * 1024)
        let before = backed.proxy.privateMemory
        try client.send(get("/"))
        _ = try client.read(through: "\r\n\r\n")
        var seen = -1
        while case let now = sent.withLock({ $0 }), now != seen || now == 0 {
            seen = now
            Patience.pause(milliseconds: 300)
        }
        #expect(seen < size / 2, "the origin sent everything to nobody")
        #expect(backed.proxy.privateMemory - before < 6 * 1024, "KiB")
        try client.discard(size)
    }

    @Test("a client that reads in small steps gets everything", arguments: HTTP2Choice.allCases) func smallSteps(choice: HTTP2Choice) throws {
        let size = 1 << 20, backed = try HTTP2Setup(choice, serve: Self.sending(size))
        let client = try HTTP2Client(port: backed.proxy.port, settings: [(4, 0)])
        try client.send(.headers(1, HTTP2Frame.get("/")))
        _ = try client.fields(client.read(until: 1))
        var got = 0
        for step in stride(from: 20_000, to: size + 20_000, by: 20_000) {
            try client.send(.windowUpdate(0, 20_000), .windowUpdate(1, 20_000))
            while got < min(step, size) { got += try client.read(until: 0).payload.count }
        }
        #expect(got == size)
    }

    @Test("an origin that reads in small steps gets everything", arguments: HTTP2Choice.allCases) func smallStepsUpstream(choice: HTTP2Choice) throws {
        let size = 1 << 20
        let backed = try HTTP2Setup(choice, settings: [(4, 0)]) { connection, _ in
            var got = 0, granted = 0
            while true {
                let frame = try connection.readFrame()
                if frame.type == 1 { _ = try connection.fields(frame) }
                if frame.type == 0 { got += frame.payload.count }
                if frame.type <= 1, frame.endsStream { try connection.send(.headers(frame.stream, [(":status", "200"), ("x-got", "\(got)")])) }
                // The first stream may send more, before it hears how little that is.
                while frame.type <= 1, got >= granted {
                    granted += 20_000
                    try connection.send(.windowUpdate(0, 20_000), .windowUpdate(frame.stream, 20_000))
                }
            }
        }
        let client = try backed.client()
        try client.send(.headers(1, HTTP2Frame.post("/"), end: false))
        var left = size, window = 65_536
        while left > 0 {
            while window >= 16_384, left > 0 {
                try client.send(.data(1, [UInt8](repeating: UInt8(ascii: "x"), count: 16_384), end: left == 16_384))
                left -= 16_384
                window -= 16_384
            }
            guard left > 0 else { break }
            let frame = try client.readFrame()
            if frame.type == 8, frame.stream == 1 { window += Int(frame.number(at: 0)) }
        }
        #expect(try client.readResponse(1).value("x-got") == "\(size)")
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
        func ask(_ path: String, _ body: String) throws -> HTTP2Response {
            try method == "GET" ? client.exchange(HTTP2Frame.get(path)) : client.exchange(HTTP2Frame.post(path), body: body)
        }
        // Its body was kept for going again, too.
        #expect(try ask("/first", "earlier").status == 200)
        let response = try ask("/again", "hello")
        #expect(response.status == 200 && response.bodyText == "/again \(method == "GET" ? 0 : 5)")
        #expect(backed.origin.connectionCount == 2)
    }

    /// Sends requests at once, a body with every third, and counts the statuses of their responses.
    private static func statuses(of client: HTTP2Client, _ count: Int) throws -> [String: Int] {
        let streams = (0..<count).map { UInt32(2 * $0 + 1) }
        try client.send(streams.flatMap { stream -> [HTTP2Frame] in
            if stream % 3 > 0 { return [.headers(stream, HTTP2Frame.get("/\(stream)"))] }
            return [.headers(stream, HTTP2Frame.post("/\(stream)"), end: false), .data(stream, Array("body".utf8), end: true)]
        })
        var statuses: [String: Int] = [:], ended = 0
        while ended < count {
            let frame = try client.readTelling()
            if frame.type == 1 { statuses[try client.fields(frame).first { $0.name == ":status" }?.value ?? "none", default: 0] += 1 }
            if frame.type == 3 || frame.endsStream, frame.type <= 3 { ended += 1 }
        }
        return statuses
    }

    private static func goAway(_ last: UInt32) -> HTTP2Frame { HTTP2Frame(type: 7, HTTP2Frame.number(last) + HTTP2Frame.number(0)) }

    @Test("an origin that takes one request with each connection gets all of many", arguments: HTTP2Choice.allCases, [true, false])
    func oneEach(choice: HTTP2Choice, answersFirst: Bool) throws {
        let taken = Mutex<[String]>([])
        let backed = try HTTP2Setup(choice) { connection, _ in
            guard let request = try connection.readRequest() else { return }
            taken.withLock { $0.append(request.path) }
            if answersFirst { try connection.answer(request, "well") }
            try connection.send(Self.goAway(request.stream))
            if !answersFirst { try connection.answer(request, "well") }
            while try connection.readRequest() != nil {}
        }
        #expect(try Self.statuses(of: backed.client(), 30) == ["200": 30])
        // None is passed over. Who does not know what the origin chooses dials for each request, in no order.
        if choice == .h2c { #expect(taken.withLock { $0 } == (0..<30).map { "/\(2 * $0 + 1)" }) }
    }

    @Test("a body under way goes again from its beginning, as far as it is kept", arguments: HTTP2Choice.with([(5, 200), (10_000, 200), (20_000, 502)]), [true, false])
    func bodyUnderWay(chosen: (HTTP2Choice, (size: Int, status: Int)), isHTTP2: Bool) throws {
        let (choice, (size, status)) = chosen
        let backed = try HTTP2Setup(choice) { connection, number in
            if number == 0 {
                var taken = 0
                while taken < size {
                    let frame = try connection.readFrame()
                    if frame.type == 0 { taken += frame.payload.count }
                }
                try connection.send(Self.goAway(0))
            }
            while let request = try connection.readRequest() {
                try connection.answer(request, "\(request.body.count) \(request.body.reduce(0) { $0 &* 31 &+ Int($1) })")
            }
        }
        let body = (0..<size + 7).map { UInt8(truncatingIfNeeded: $0 * $0 / 3) }
        let expected = "\(body.count) \(body.reduce(0) { $0 &* 31 &+ Int($1) })"
        let pause = { try Patience.wait(for: "the first attempt to be given up") { backed.origin.connectionCount == 2 || status == 502 } }
        if isHTTP2 {
            let client = try backed.client()
            try client.send(.headers(1, HTTP2Frame.post("/"), end: false))
            for start in stride(from: 0, to: size, by: 5000) { try client.send(.data(1, Array(body[start..<min(start + 5000, size)]))) }
            try pause()
            try client.send(.data(1, Array(body[size...]), end: true))
            let response = try client.readResponse(1)
            #expect(response.status == status && (response.bodyText == expected || status != 200), "\(response.status) \(response.bodyText)")
        } else {
            let client = try RawClient(port: backed.proxy.port)
            try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(body.count)\r\n\r\n")
            try client.send(Array(body[..<size]))
            try pause()
            if status == 200 { try client.send(Array(body[size...])) }
            let response = try client.readResponse()
            #expect(response.status == status && (response.bodyText == expected || status != 200), "\(response.status) \(response.bodyText)")
        }
    }

    @Test("a request whose body has not begun goes again at once", arguments: HTTP2Choice.allCases) func bodyNotBegun(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            var heads = 0
            while let frame = try? connection.readFrame() {
                guard frame.type == 1 else { continue }
                heads += 1
                // Refused once, on a connection that stays.
                try connection.send(heads == 2 ? .reset(frame.stream, 7) : .headers(frame.stream, [(":status", "204")]))
            }
        }
        let client = try backed.client()
        try client.send(.headers(1, HTTP2Frame.get("/")))
        #expect(try client.readResponse(1).status == 204)
        try client.send(.headers(3, HTTP2Frame.post("/"), end: false))
        #expect(try client.readResponse(3).status == 204)
        #expect(backed.origin.connectionCount == 1)
    }

    @Test("a body that a filter holds back goes again whole, or not at all", arguments: HTTP2Choice.with([("backendChunks(5, \"1h\")", 502), ("sedRequest(\"x\", \"y\")", 200)]))
    func heldBackBody(chosen: (HTTP2Choice, (filter: String, status: Int))) throws {
        let hasHead = Gate()
        let backed = try HTTP2Setup(chosen.0, filters: "\(chosen.1.filter) ->") { connection, _ in
            var frame = try connection.readFrame()
            while frame.type != 0 || frame.payload.isEmpty {
                if frame.type == 1 {
                    _ = try connection.fields(frame)
                    hasHead.open()
                }
                frame = try connection.readFrame()
            }
            // Behind the end, where it follows at once.
            if chosen.1.status == 200 { while !frame.endsStream { frame = try connection.readFrame() } }
            try connection.send(.reset(frame.stream, 7))
            while let request = try connection.readRequest() { try connection.answer(request, String(decoding: request.body, as: UTF8.self)) }
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        try hasHead.wait()
        try client.send("14\r\n01234567890123456789\r\n0\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.status == chosen.1.status && (response.status != 200 || response.bodyText == "01234567890123456789"), "\(response.bodyText)")
    }

    @Test("who takes nothing is asked a few times", arguments: HTTP2Choice.with(["REFUSED_STREAM", "GOAWAY", "no streams"]))
    func takesNothing(choice: HTTP2Choice, how: String) throws {
        let backed = try HTTP2Setup(choice, settings: how == "no streams" ? [(3, 0)] : []) { connection, _ in
            while let request = try connection.readRequest() { try connection.send(how == "GOAWAY" ? Self.goAway(0) : .reset(request.stream, 7)) }
        }
        #expect(try Self.statuses(of: backed.client(), 3) == ["502": 3])
        #expect(backed.origin.connectionCount <= 12)
    }

    @Test("no more streams are opened than an origin takes, which may say so late", arguments: HTTP2Choice.with([1, 4]))
    func limitIsAwaited(choice: HTTP2Choice, limit: Int) throws {
        let origin = try choice.origin { wire in
            Patience.pause(milliseconds: 50)
            let connection = try HTTP2OriginConnection(wire, settings: [(3, UInt32(limit))])
            var open: [UInt32] = []
            while true {
                let frame = try connection.readFrame()
                if frame.type <= 1, frame.endsStream {
                    open.append(frame.stream)
                    if open.count > limit { return }
                    // What comes before the answer to this was sent before the responses were seen.
                    try connection.send(HTTP2Frame(type: 6, [UInt8](repeating: 0, count: 8)))
                } else if frame.type == 6 {
                    for stream in open { try connection.send(.headers(stream, [(":status", "200")])) }
                    open = []
                }
            }
        }
        let proxy = try FairwayProcess(routes: "all: * -> \"\(choice)://127.0.0.1:\(origin.port)\"", on: .ipv4, flags: ["-insecure"])
        for _ in 0..<2 { #expect(try Self.statuses(of: HTTP2Client(port: proxy.port), 20) == ["200": 20]) }
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

    /// Nothing of it has left when the end is seen, so it goes again.
    @Test("a request with a body does not end with a connection that is just being closed", .enabled(if: !TestProtocol.isHTTP2), arguments: HTTP2Choice.allCases)
    func closedMeanwhile(choice: HTTP2Choice) throws {
        let mayClose = Gate()
        let backed = try HTTP2Setup(choice) { connection, number in
            while let request = try connection.readRequest() {
                try connection.answer(request, String(decoding: request.body, as: UTF8.self))
                if number == 0 { return try mayClose.wait() }
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        #expect(try client.exchange(post("/1", "first")).bodyText == "first")
        try backed.proxy.paused {
            try client.send(post("/2", "second"))
            mayClose.open()
            try Patience.wait(for: "the end of the connection") { backed.origin.openConnectionCount == 0 }
        }
        #expect(try client.readResponse().bodyText == "second")
        #expect(backed.origin.connectionCount == 2)
    }

    @Test("what goes wrong upstream is a 502, and the next request is served", arguments: HTTP2Choice.with(["reset", "close", "two heads", "no status", "upper case", "short", "garbage", "connection field", "push"]))
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
                case "push": try connection.send(HTTP2Frame(type: 5, flags: 4, stream: stream, HTTP2Frame.number(2) + HTTP2Frame.block(HTTP2Frame.get())))
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
        if how == "push" { try backed.proxy.waitForLog("502 HTTP/2: PUSH_PROMISE") }
    }

    @Test("an origin that breaks the rules is told", arguments: HTTP2Choice.allCases) func toldOfBreach(choice: HTTP2Choice) throws {
        let isTold = Gate()
        let backed = try HTTP2Setup(choice) { connection, _ in
            guard let request = try connection.readRequest() else { return }
            try connection.send(HTTP2Frame(type: 5, flags: 4, stream: request.stream, HTTP2Frame.number(2) + HTTP2Frame.block(HTTP2Frame.get())))
            while try connection.readFrame().type != 7 {}
            isTold.open()
        }
        #expect(try RawClient.get("/", port: backed.proxy.port).status == 502)
        try isTold.wait()
    }

    @Test("who refuses many requests and goes is asked again elsewhere", arguments: HTTP2Choice.allCases) func refusesAndGoes(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, number in
            if number > 0 {
                while let request = try connection.readRequest() { try connection.answer(request, "\(request.body.count)") }
                return
            }
            try connection.answer(#require(try connection.readRequest()), "first")
            var streams: [UInt32] = []
            while streams.count < 60 {
                let frame = try connection.readFrame()
                if frame.type == 0 { try connection.send(.windowUpdate(0, UInt32(max(1, frame.payload.count)))) }
                if frame.type == 0, frame.endsStream { streams.append(frame.stream) }
            }
            // All at once, and nobody reads what goes again on this connection.
            try connection.send(streams.map { .reset($0, 7) })
        }
        let client = try backed.client()
        #expect(try client.exchange(HTTP2Frame.get("/first")).status == 200)
        let body = [UInt8](repeating: 0x78, count: 15_000), streams = (1...60).map { UInt32(2 * $0 + 1) }
        var answered: [UInt32: String] = [:], ended: Set<UInt32> = []
        for stream in streams { try client.send(.headers(stream, HTTP2Frame.post("/"), end: false), .data(stream, body, end: true)) }
        while ended.count < streams.count {
            let frame = try client.readTelling()
            if frame.type == 1 { answered[frame.stream] = try client.fields(frame).first { $0.name == ":status" }?.value }
            if frame.type == 3 || frame.endsStream, frame.type <= 3 { ended.insert(frame.stream) }
        }
        // What was sent again before the end of the connection was known may be lost with it; nothing hangs, and all is told.
        #expect(answered.count == 60 && answered.values.allSatisfy { ["200", "502", "503"].contains($0) })
        #expect(try backed.client().exchange(HTTP2Frame.post("/"), body: "x").bodyText == "1")
    }

    @Test("who never says how many requests it takes gets one", arguments: HTTP2Choice.allCases) func silent(choice: HTTP2Choice) throws {
        let origin = try choice.origin { connection in _ = try connection.readToEnd() }
        let proxy = try FairwayProcess(routes: "all: * -> \"\(choice)://127.0.0.1:\(origin.port)\"", on: .ipv4, flags: ["-insecure", "-timeout-backend", "1s", "-response-header-timeout-backend", "4s"])
        let client = try HTTP2Client(port: proxy.port)
        try client.send(.headers(1, HTTP2Frame.get()))
        try Patience.wait(for: "the connection") { origin.connectionCount == 1 }
        try client.send(.headers(3, HTTP2Frame.get()))
        var statuses: [String] = []
        while statuses.count < 2 {
            let frame = try client.readTelling()
            if frame.type == 1 { statuses.append(try client.fields(frame).first { $0.name == ":status" }?.value ?? "none") }
        }
        #expect(statuses.allSatisfy { $0 == "502" || $0 == "504" })
    }

    @Test("an origin that does not answer in time, or does not take the request, is a 504, and is told", arguments: HTTP2Choice.with(["GET", "POST"]))
    func tooSlow(chosen: (HTTP2Choice, String)) throws {
        let isReset = Gate()
        let backed = try HTTP2Setup(chosen.0, settings: [(4, 0)], flags: ["-response-header-timeout-backend", "2s"]) { connection, _ in
            while true { if try connection.readFrame().type == 3 { isReset.open() } }
        }
        let client = try RawClient(port: backed.proxy.port)
        // More than the window of an origin that has not said anything yet.
        try client.send(chosen.1 == "GET" ? get("/") : "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n\(String(repeating: "x", count: 100_000))")
        #expect(try client.readResponse().status == 504)
        try isReset.wait()
    }

    @Test("a connection from which nothing comes any more takes no more requests", arguments: HTTP2Choice.allCases) func silentConnection(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice, flags: ["-response-header-timeout-backend", "2s"]) { connection, number in
            while let request = try connection.readRequest() {
                if number > 0 || request.path == "/first" { try connection.answer(request, "\(number)") }
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        #expect(try client.exchange(get("/first")).bodyText == "0")
        #expect(try client.exchange(get("/lost")).status == 504)
        #expect(try client.exchange(get("/next")).bodyText == "1")
    }

    @Test("an origin cannot go on with interim responses for ever", arguments: HTTP2Choice.allCases) func endlessInterim(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                try connection.send((0..<1_000).map { _ in .headers(request.stream, [(":status", "103")], end: false) })
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send(get("/"))
        var interimCount = 0
        while case let status = try client.readResponse().status, status != 502 {
            #expect(status == 103)
            interimCount += 1
        }
        #expect(interimCount == 16)
        try backed.proxy.waitForLog("502 more than 16 interim responses")
    }

    @Test("a response that is cut is reset", arguments: HTTP2Choice.with(["reset", "close"])) func cut(choice: HTTP2Choice, how: String) throws {
        let gate = Gate()
        let backed = try HTTP2Setup(choice) { connection, _ in
            while let request = try connection.readRequest() {
                if request.path == "/fine" { try connection.answer(request, "fine"); continue }
                try connection.send(.headers(request.stream, [(":status", "200")], end: false), .data(request.stream, Array("half".utf8)))
                try gate.wait()
                if how == "close" { return }
                try connection.send(.reset(request.stream, 2))
            }
        }
        let client = try backed.client()
        let stream = client.takeStream()
        try client.send(.headers(stream, HTTP2Frame.get("/cut")))
        #expect(try client.read(until: 0).payload == Array("half".utf8))
        gate.open()
        #expect(try client.readResponse(stream).resetCode != nil)
        #expect(try client.exchange(HTTP2Frame.get("/fine")).bodyText == "fine")
    }

    @Test("what an origin has answered already is not sent to it", arguments: HTTP2Choice.allCases) func answeredEarly(choice: HTTP2Choice) throws {
        let isReset = Gate()
        let backed = try HTTP2Setup(choice) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                if frame.type == 1 { try connection.send(.headers(frame.stream, [(":status", "413")])) }
                if frame.type == 3 { isReset.open() }
            }
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
        #expect(try client.readResponse().status == 413)
        try isReset.wait()
    }

    @Test("a whole answer that waits for its filters is one, whatever becomes of its stream and connection", arguments: HTTP2Choice.with(["reset", "close", "trailers"]))
    func wholeAnswer(chosen: (HTTP2Choice, String)) throws {
        let backed = try HTTP2Setup(chosen.0, filters: "uniformResponseLatency(\"500ms\", \"1ms\") ->") { connection, _ in
            var frame = try connection.readFrame()
            while frame.type != 1 { frame = try connection.readFrame() }
            try connection.send(.headers(frame.stream, [(":status", "200")], end: false))
            if chosen.1 == "trailers" {
                try connection.send(.headers(frame.stream, [("x-whole", "yes")]))
            } else {
                try connection.send(.data(frame.stream, Array("whole".utf8), end: true))
                if chosen.1 == "close" { return }
                try connection.send(.reset(frame.stream, 8))
            }
            _ = try connection.readRequest()
        }
        let client = try RawClient(port: backed.proxy.port)
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
        let response = try client.readResponse()
        #expect(response.status == 200 && (chosen.1 == "trailers" ? response.trailers.map(\.description) == ["x-whole: yes"] : response.bodyText == "whole"))
    }

    @Test("a client that leaves is told to the origin, and only its stream", arguments: HTTP2Choice.allCases) func cancelled(choice: HTTP2Choice) throws {
        let gate = Gate()
        let backed = try HTTP2Setup(choice) { connection, _ in
            while true {
                let frame = try connection.readFrame()
                if frame.type == 1 { gate.open() }
                if frame.type == 3 { return try connection.send(HTTP2Frame(type: 7, HTTP2Frame.number(frame.stream) + HTTP2Frame.number(frame.number(at: 0)))) }
            }
        }
        let client = try backed.client()
        try client.send(.headers(1, HTTP2Frame.get()))
        // A request that has not gone out yet would be dropped without a word.
        try gate.wait()
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

    @Test("gRPC: errors of the proxy's own are trailers-only", arguments: [("/none", "12", "Not Found"), ("/dead", "14", "Bad Gateway"), ("/none?a=%zz", "13", "Invalid query")])
    func grpcErrors(path: String, status: String, message: String) throws {
        let proxy = try FairwayProcess(routes: "dead: Path(\"/dead\") -> \"h2c://127.0.0.1:1\"")
        let client = try HTTP2Client(port: proxy.port)
        let response = try client.exchange(HTTP2Frame.post(path, more: [("content-type", "application/grpc+proto"), ("te", "trailers")]), body: "\0\0\0\0\0")
        #expect(response.status == 200 && response.body.isEmpty && response.value("grpc-status") == status && response.value("content-type") == "application/grpc")
        #expect(response.value("grpc-message") == message)
        let plain = try client.exchange(HTTP2Frame.post(path, more: [("content-type", "application/grpc-web")]), body: "x")
        #expect(plain.status == ["12": 404, "13": 400, "14": 502][status] && plain.value("grpc-status") == nil)
    }
}
