import TestSupport
import Testing

@Suite("HTTP/2 from clients")
struct HTTP2ScenarioTests {
    private func client(_ setup: Setup, settings: [(UInt16, UInt32)] = []) throws -> HTTP2Client { try HTTP2Client(port: setup.proxy.port, settings: settings) }

    @Test("requests become HTTP/1's, responses HTTP/2's, RFC 9113 §8") func translation() throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 207 Whatever\r\nX-Upper: Yes\r\nKeep-Alive: 5\r\nConnection: x-gone\r\nX-Gone: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n" })
        let client = try client(setup)
        let response = try client.exchange(HTTP2Frame.get("/a?b=c", more: [("cookie", "a=1"), ("x-own", "v"), ("cookie", "b=2"), ("te", "trailers"), ("cookie", "c=3")]))
        #expect(response.status == 207 && response.bodyText == "ok" && response.resetCode == nil)
        #expect(response.value("x-upper") == "Yes" && response.value("keep-alive") == nil && response.value("connection") == nil && response.value("x-gone") == nil)
        #expect(response.value("transfer-encoding") == nil && response.value("date") != nil)
        #expect(response.fields.filter { $0.name == "set-cookie" }.map(\.value) == ["a", "b"])
        #expect(response.trailers.map(\.description) == ["x-trailer: t"])
        let request = try #require(setup.origin.requests.first)
        #expect(request.startLine == "GET /a?b=c HTTP/1.1" && request.values("cookie") == ["a=1; b=2; c=3"] && request.values("host").count == 1)
        #expect(request.value("x-own") == "v" && !request.fields.contains { $0.name.hasPrefix(":") })
    }

    @Test("bodies and trailers of requests", arguments: [("", []), ("hello", []), ("hello", [("x-checksum", "1")]), ("", [("x-checksum", "1")]), (String(repeating: "0123456789abcdef", count: 4000), [])])
    func bodies(body: String, trailers: [(String, String)]) throws {
        let setup = try Setup()
        let client = try client(setup)
        let stream = client.takeStream()
        var frames = [HTTP2Frame.headers(stream, HTTP2Frame.post("/x"), end: false)]
        var rest = Array(body.utf8)[...]
        while !rest.isEmpty {
            frames.append(.data(stream, Array(rest.prefix(10_000))))
            rest = rest.dropFirst(10_000)
        }
        frames.append(trailers.isEmpty ? .data(stream, [], end: true) : .headers(stream, trailers))
        try client.send(frames)
        #expect(try client.readResponse(stream).bodyText == "POST /x \(body)")
        let request = try #require(setup.origin.requests.first)
        #expect(request.trailers.map(\.description) == trailers.map { "\($0.0): \($0.1)" })
    }

    @Test("a declared length is passed on", arguments: [0, 5]) func length(count: Int) throws {
        let setup = try Setup()
        let body = String(repeating: "x", count: count)
        #expect(try client(setup).exchange(HTTP2Frame.post("/x", more: [("content-length", "\(count)")]), body: body).bodyText == "POST /x \(body)")
    }

    @Test("responses without a body", arguments: [("HEAD", "200 OK", "Content-Length: 10\r\n"), ("GET", "204 No Content", ""), ("GET", "304 Not Modified", ""), ("GET", "200 OK", "Content-Length: 0\r\n")])
    func bodyless(method: String, status: String, fields: String) throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 \(status)\r\n\(fields)\r\n" })
        let client = try client(setup)
        for _ in 0..<3 {
            let response = try client.exchange([(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", "/")])
            #expect(response.status == Int(status.prefix(3)) && response.body.isEmpty && response.resetCode == nil)
            if method == "HEAD" { #expect(response.value("content-length") == "10") }
        }
    }

    /// The socket is full by then, so that it cannot be told at once.
    @Test("a client that breaks the rules while it reads nothing is told when it does") func lateGoAway() throws {
        let setup = try Setup(answer: { _ in ok(String(repeating: "x", count: 20_000_000)) })
        let client = try HTTP2Client(port: setup.proxy.port, settings: [(4, 0x7FFF_FFFF)], receiveBuffer: 16 * 1024)
        try client.send(.windowUpdate(0, 0x7FFF_0000), .headers(1, HTTP2Frame.get()))
        Patience.pause(milliseconds: 300)
        try client.send(.data(0, [1]))
        #expect(try client.read(until: 7).number(at: 4) == 1)
    }

    @Test("interim responses pass") func interim() throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok("done") })
        let response = try client(setup).exchange(HTTP2Frame.get())
        #expect(response.interimStatuses == [103] && response.bodyText == "done")
    }

    @Test("a response that is cut is reset, and the others go on") func cut() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target == "/cut" { return try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") }
                try connection.send(ok("whole"))
            }
        })
        let client = try client(setup)
        let response = try client.exchange(HTTP2Frame.get("/cut"))
        #expect(response.status == 200 && response.bodyText == "half" && response.resetCode != nil)
        #expect(try client.exchange(HTTP2Frame.get("/")).bodyText == "whole")
    }

    @Test("an answer before the end of the request: the rest is not wanted") func early() throws {
        let setup = try Setup(filters: "status(413) -> inlineContent(\"no\") -> <shunt>; other: Path(\"/other\") ->")
        let client = try client(setup)
        try client.send(.headers(1, HTTP2Frame.post("/x", more: [("expect", "100-continue")]), end: false))
        let response = try client.readResponse(1)
        #expect(response.status == 413 && response.bodyText == "no")
        try client.send(.data(1, [1, 2, 3]))
        #expect(try client.exchangeOn(3).status == 413)
    }

    @Test("a reader who stops stalls nobody, and nothing is kept beyond its window") func slowReader() throws {
        let setup = try Setup(answer: { $0.target == "/big" ? ok(String(repeating: "x", count: 8_000_000)) : ok("quick") })
        let client = try client(setup, settings: [(4, 1000)])
        try client.send(.headers(1, HTTP2Frame.get("/big")))
        _ = try client.fields(client.read(until: 1))
        var got = 0
        while got < 1000 { got += try client.read(until: 0).payload.count }
        let before = setup.proxy.privateMemory
        for stream in stride(from: UInt32(3), to: 103, by: 2) { #expect(try client.exchangeOn(stream).bodyText == "quick") }
        #expect(setup.proxy.privateMemory - before < 2000)
        // Then it goes on.
        try client.send(.windowUpdate(0, 100_000_000), .windowUpdate(1, 100_000_000))
        while got < 8_000_000 { got += try client.read(until: 0).payload.count }
        #expect(got == 8_000_000)
    }

    @Test("a client that sends to a stalled origin is stopped, and its other streams are not") func slowOrigin() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequestHead() {
                if request.target == "/stuck" { while try connection.readExactly(1).count == 1 { Patience.pause(milliseconds: 1000) } }
                try connection.send(ok("quick"))
            }
        })
        let client = try client(setup)
        try client.send(.headers(1, HTTP2Frame.post("/stuck"), end: false))
        var sent = 0
        var window = 65_536
        // As much as the window says, as long as it is opened.
        while sent < 64_000_000 {
            while window >= 16_384 {
                try client.send(.data(1, [UInt8](repeating: 1, count: 16_384)))
                sent += 16_384
                window -= 16_384
            }
            try client.send(.ping("\(10_000_000 + sent)"))
            var isAnswered = false
            while !isAnswered || !client.wire.isQuiet(milliseconds: 300) && window < 16_384 {
                let frame = try client.readFrame()
                if frame.type == 8, frame.stream == 1 { window += Int(frame.number(at: 0)) }
                if frame.type == 6 { isAnswered = true }
            }
            if window < 16_384 { break }
        }
        #expect(sent < 32_000_000, "\(sent) bytes were taken")
        #expect(try client.exchangeOn(3).bodyText == "quick")
    }

    @Test("more streams than allowed are refused, the others served") func tooMany() throws {
        let gate = Gate()
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil {
                try gate.wait()
                try connection.send(ok("late"))
            }
        })
        let client = try client(setup)
        try client.send((0..<150).map { .headers(UInt32(1 + 2 * $0), HTTP2Frame.get("/\($0)")) })
        var served = 0, refused = 0
        while served + refused < 150 {
            let frame = try client.readTelling()
            if frame.type == 1 { _ = try client.fields(frame) }
            if frame.type == 3 { if frame.number(at: 0) == 7 { refused += 1 } } else if frame.endsStream, frame.type <= 1 { served += 1 }
            if refused == 22 { gate.open() }
        }
        #expect(served == 128 && refused == 22)
        #expect(try client.exchangeOn(1001).status == 200)
    }

    @Test("floods end in ENHANCE_YOUR_CALM, bystanders do not notice", arguments: ["PING", "SETTINGS", "reset", "empty DATA", "PRIORITY", "window", "CONTINUATION", "unknown", "bad requests", "self-reset", "late DATA"])
    func floods(kind: String) throws {
        let setup = try Setup()
        let bystander = try client(setup)
        #expect(try bystander.exchange(HTTP2Frame.get()).status == 200)
        let client = try client(setup)
        var frames: [HTTP2Frame] = []
        for number in 0..<5000 {
            let stream = UInt32(1 + 2 * number)
            switch kind {
            case "PING": frames.append(.ping("12345678"))
            case "SETTINGS": frames.append(.settings([(3, 100)]))
            case "reset": frames += [.headers(stream, HTTP2Frame.get()), .reset(stream, 8)]
            case "empty DATA": frames.append(number == 0 ? .headers(1, HTTP2Frame.post(), end: false) : .data(1, []))
            case "PRIORITY": frames.append(HTTP2Frame(type: 2, stream: 3, [0, 0, 0, 0, 1]))
            case "window": frames.append(.windowUpdate(0, 1))
            case "CONTINUATION": frames.append(HTTP2Frame(type: number == 0 ? 1 : 9, flags: number == 0 ? 1 : 0, stream: 1, number == 0 ? HTTP2Frame.block(HTTP2Frame.get()) : []))
            case "unknown": frames.append(HTTP2Frame(type: 99, [1]))
            case "late DATA": frames += [.headers(stream, HTTP2Frame.get()), .data(stream, [1])]
            case "bad requests": frames.append(.headers(stream, [(":method", "GET")]))
            default: frames += [.headers(stream, HTTP2Frame.post(), end: false), .windowUpdate(stream, 0)]
            }
        }
        client.wire.sendSlowly(frames.flatMap(\.bytes), pieces: 64 * 1024)
        #expect(try client.read(until: 7).number(at: 4) == 11)
        #expect(try bystander.exchange(HTTP2Frame.get()).status == 200)
        #expect(try setup.isServing())
    }

    private func frames(_ stream: UInt32, _ block: [UInt8]) -> [HTTP2Frame] {
        stride(from: 0, to: block.count, by: 16_384).map { start in
            HTTP2Frame(type: start == 0 ? 1 : 9, flags: (start == 0 ? 1 : 0) | (start + 16_384 >= block.count ? 4 : 0), stream: stream, Array(block[start..<min(start + 16_384, block.count)]))
        }
    }

    private func largeHead(_ count: Int) -> [UInt8] {
        HTTP2Frame.block(HTTP2Frame.get(more: (0..<count).map { ("x-\($0)", String(repeating: "y", count: 1000)) }))
    }

    @Test("a head beyond the limit is answered 431, and the others go on", arguments: [("16384", 17), ("16384", 70), ("65536", 66), ("65536", 120)])
    func refusedHead(limit: String, count: Int) throws {
        let setup = try Setup(flags: ["-max-header-bytes", limit])
        let client = try client(setup)
        let (open, large) = (client.takeStream(), client.takeStream())
        try client.send(.headers(open, HTTP2Frame.post("/open"), end: false))
        try client.send(frames(large, largeHead(count)))
        #expect(try client.readResponse(large).status == 431)
        try client.send(.data(open, Array("rest".utf8), end: true))
        #expect(try client.readResponse(open).bodyText == "POST /open rest")
        #expect(try client.exchange(HTTP2Frame.get("/next")).bodyText == "GET /next ")
    }

    @Test("a head far beyond the limit ends the connection") func endlessHead() throws {
        let setup = try Setup(flags: ["-max-header-bytes", "16384"])
        let client = try client(setup)
        // No more than what is still taken: the rest would have the connection reset before it is told.
        try client.send(Array(frames(1, largeHead(90)).prefix(6)))
        let told = try client.readTelling()
        #expect(told.type == 7 && told.number(at: 4) == 11)
        #expect(try setup.isServing())
    }

    @Test("a head as large as the flag says, in as many frames as it needs") func largestHead() throws {
        let setup = try Setup(flags: ["-max-header-bytes", "1048576"])
        let client = try client(setup)
        try client.send(frames(1, largeHead(500)))
        #expect(try client.readResponse(1).status == 200)
    }

    @Test("WebSockets by extended CONNECT, RFC 8441") func webSocket() throws {
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequestHead() else { return }
            guard request.value("Upgrade") == "websocket", request.hasToken("upgrade", in: "Connection"), request.values("Sec-WebSocket-Key").map(\.utf8.count) == [24] else { return try connection.send(ok("no")) }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
            while let line = try? connection.read(through: "\n") { try connection.send("echo \(line)") }
        })
        let client = try client(setup)
        let fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"), (":path", "/chat"), ("sec-websocket-version", "13"), ("sec-websocket-key", "own")]
        try client.send(.headers(1, fields, end: false), .data(1, Array("early\n".utf8)))
        let head = try client.fields(client.read(until: 1))
        #expect(head.contains { $0.description == ":status: 200" } && head.contains { $0.name == "sec-websocket-protocol" } && !head.contains { $0.name == "sec-websocket-accept" || $0.name == "upgrade" })
        #expect(try client.read(until: 0).payload == Array("echo early\n".utf8))
        try client.send(.data(1, Array("late\n".utf8)))
        #expect(try client.read(until: 0).payload == Array("echo late\n".utf8))
        try client.send(.data(1, [], end: true))
        let end = try client.readTelling()
        #expect(end.stream == 1 && (end.type == 3 || end.endsStream))
        #expect(setup.origin.requests.first?.method == "GET" && setup.origin.requests.first?.target == "/chat")
    }

    @Test("an origin that does not upgrade: no success for an extended CONNECT", arguments: [(200, 502), (403, 403)]) func declined(answered: Int, told: Int) throws {
        let setup = try Setup(answer: { _ in "HTTP/1.1 \(answered) X\r\nContent-Length: 2\r\n\r\nno" })
        let client = try client(setup)
        try client.send(.headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")], end: false))
        #expect(try client.readResponse(1).status == told)
        #expect(try client.exchangeOn(3).status == answered)
    }

    @Test("-keepalive-requests-server and -keepalive-server end connections once the request that comes is answered", arguments: [
        ["-keepalive-requests-server", "2"], ["-keepalive-server", "2s"],
    ])
    func ageOfConnections(flags: [String]) throws {
        let setup = try Setup(flags: flags)
        let (client, status) = try Patience.within(milliseconds: 1_900) {
            let client = try self.client(setup)
            return (client, try client.exchangeOn(1).status)
        }
        #expect(status == 200)
        if flags[0] == "-keepalive-server" { Patience.pause(milliseconds: 2_100) }
        try client.send(.headers(3, HTTP2Frame.get()))
        var isTold = false, isAnswered = false
        while !isTold || !isAnswered {
            let frame = try client.readTelling()
            if frame.type == 7 { isTold = true }
            if frame.type == 1 { #expect(try client.fields(frame).contains { $0.description == ":status: 200" }) }
            if frame.type <= 1, frame.endsStream { isAnswered = true }
        }
    }

    @Test("drain: streams under way end well, and the client is told") func drain() throws {
        let gate = Gate()
        let setup = try Setup(serve: { connection in
            while try connection.readRequest() != nil {
                try gate.wait()
                try connection.send(ok("finished"))
            }
        })
        let client = try client(setup)
        try client.send(.headers(1, HTTP2Frame.get()))
        try setup.origin.waitForRequests(1)
        let signalled = ContinuousClock.now
        setup.proxy.signal(15)
        let first = try client.read(until: 7)
        #expect(first.number(at: 0) == 0x7FFF_FFFF && first.number(at: 4) == 0)
        // What was sent before the announcement was read is served too.
        try client.send(.headers(3, HTTP2Frame.get("/more")))
        // For a second; whoever was stopped that long has tested nothing.
        if ContinuousClock.now - signalled > .milliseconds(900) {
            gate.open()
            return try drain()
        }
        let ping = try client.read(until: 6)
        try client.send(HTTP2Frame(type: 6, flags: 1, ping.payload))
        gate.open()
        var ended: Set<UInt32> = []
        var last: UInt32?
        while ended.count < 2 || last == nil {
            let frame = try client.readTelling()
            if frame.type == 1 { _ = try client.fields(frame) }
            if frame.type == 7 { last = frame.number(at: 0) }
            if frame.type == 0, frame.endsStream { ended.insert(frame.stream) }
        }
        #expect(ended == [1, 3] && last == 3)
        #expect(try client.wire.readToEnd().isEmpty)
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("drain: who has sent nothing behind the preface is not waited for") func drainUnused() throws {
        let setup = try Setup()
        let client = try HTTP2Client(port: setup.proxy.port, settings: nil)
        try client.wire.send(HTTP2Client.preface)
        #expect(try client.readFrame().type == 4)
        setup.proxy.signal(15)
        // Long before the time a head may take.
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("an idle connection is told and closed") func idle() throws {
        let setup = try Setup(flags: ["-idle-timeout-server", "2s"])
        let (client, status) = try Patience.within(milliseconds: 1_900) {
            let client = try self.client(setup)
            return (client, try client.exchange(HTTP2Frame.get()).status)
        }
        #expect(status == 200)
        #expect(try client.read(until: 7).number(at: 4) == 0)
        #expect(try client.wire.readToEnd().isEmpty)
    }

    @Test("a request whose body does not come in time, a head that does not") func late() throws {
        let setup = try Setup(flags: ["-read-timeout-server", "1s"])
        let client = try client(setup)
        try client.send(.headers(1, HTTP2Frame.post(), end: false))
        let response = try client.readResponse(1)
        #expect(response.status >= 400 || response.resetCode != nil)
        #expect(try client.exchangeOn(3).status == 200)
        let strict = try Setup(flags: ["-read-header-timeout-server", "1s"])
        let second = try Patience.within(milliseconds: 900) {
            let second = try self.client(strict)
            try second.send(HTTP2Frame(type: 1, flags: 1, stream: 1, HTTP2Frame.block(HTTP2Frame.get())))
            return second
        }
        _ = try second.wire.readToEnd()
    }
}
