import TestSupport
import Testing

/// What is tested is what happens, never how fast: limits that something must keep within are a hundred times what it takes
/// on a quiet machine, and what must exceed them does so by its own waiting.
@Suite("Peers that are too slow")
struct TimeoutTests {
    @Test("an origin that does not answer in time is a 504, and its connection is not used again") func silentOrigin() throws {
        let used = Counter()
        let setup = try Setup(flags: ["-response-header-timeout-backend", "2s"], serve: { connection in
            while let request = try connection.readRequest() {
                if request.target == "/still-there" { try connection.send(ok("here")) } else if try connection.readRequest() != nil { used.next() }
            }
        })
        let client = try setup.client()
        #expect(try client.exchange(get("/slow")).status == 504)
        // The time limit holds for this one, too.
        try Patience.wait(for: "an answer in time") { try client.exchange(get("/still-there")).bodyText == "here" }
        #expect(used.value == 0 && setup.origin.connectionCount >= 2)
    }

    @Test("a backend's time limit does not end what the proxy itself takes behind the backend's last byte", arguments: [
        ("uniformResponseLatency(\"3s\", \"1ms\") ->", 0), ("chunks(100, \"1s\") ->", 400), ("bandwidth(1) ->", 3000),
    ])
    func ownDelay(filter: String, size: Int) throws {
        let setup = try Setup(filters: "backendTimeout(\"2s\") -> \(filter)", answer: { _ in ok(String(repeating: "x", count: size)) })
        let client = try setup.client()
        for _ in 0..<2 {
            let response = try client.exchange(get("/"))
            #expect(response.status == 200 && response.body.count == size)
        }
    }

    @Test("a backend's time limit ends what waits for it, also while filters delay the answer", arguments: ["", "uniformResponseLatency(\"30s\", \"1ms\") ->"])
    func backendTimeout(filter: String) throws {
        let setup = try Setup(filters: "backendTimeout(\"250ms\") -> \(filter)", serve: { connection in
            guard try connection.readRequest() != nil else { return }
            if !filter.isEmpty { try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") }
            _ = try? connection.readRequest()
        })
        #expect(try setup.client().exchange(get("/")).status == 504)
    }

    @Test("what holds the request's body back and what delays the answer stand beside each other", arguments: [true, false])
    func delaysOfBothSides(isBodyFirst: Bool) throws {
        let isAnswered = Gate()
        let setup = try Setup(filters: "backendChunks(500, \"50ms\") -> uniformResponseLatency(\"500ms\", \"1ms\") ->", serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            _ = try connection.readExactly(500)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            isAnswered.open()
            _ = try connection.readExactly(4500)
            try connection.send("5000")
            _ = try connection.readRequestHead()
        })
        let client = try setup.client()
        let body = String(repeating: "x", count: 5000)
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000\r\n\r\n\(body.prefix(isBodyFirst ? 5000 : 500))")
        if !isBodyFirst {
            try isAnswered.wait()
            // Its head is with the proxy by now, or soon.
            Patience.pause(milliseconds: 50)
            try client.send(String(body.dropFirst(500)))
        }
        #expect(try client.readResponse().bodyText == "5000")
    }

    @Test("an origin whose queue is full cannot be connected to") func unanswered() throws {
        let full = try FullListener()
        let proxy = try FairwayProcess(routes: "r: * -> \"http://127.0.0.1:\(full.port)\"", flags: ["-timeout-backend", "300ms"])
        let response = try RawClient.get("/", port: proxy.port)
        #expect(response.status == 502)
    }

    @Test("a client that is idle for too long is closed without a word") func idle() throws {
        let setup = try Setup(flags: ["-idle-timeout-server", "2s"])
        let fresh = try setup.client()
        let (used, status) = try Patience.within(milliseconds: 1_900) {
            let used = try setup.client()
            return (used, try used.exchange(get("/")).status)
        }
        #expect(status == 200)
        #expect(try used.endsCleanly())
        #expect(try fresh.endsCleanly())
    }

    @Test("a head that does not come to an end is not waited for", .enabled(if: !TestProtocol.isHTTP2), arguments: ["G", "GET / HTTP/1.1\r\nHost: a.test\r\n"])
    func slowHead(text: String) throws {
        let setup = try Setup(flags: ["-read-header-timeout-server", "300ms"])
        let client = try setup.client()
        try client.send(text)
        // A byte now and then does not help.
        for _ in 0..<3 {
            Patience.pause(milliseconds: 60)
            try? client.send("x")
        }
        do {
            let rest = try client.readToEnd()
            #expect(rest.isEmpty || String(decoding: rest, as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
        } catch WireError.reset {
            // The last bytes came when nobody was there any more.
        }
        #expect(setup.origin.requests.isEmpty)
    }

    @Test("a body that does not come to an end is not waited for") func slowBody() throws {
        let setup = try Setup(flags: ["-read-timeout-server", "400ms"])
        let client = try setup.client()
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf")
        #expect(try client.readResponse().status == 499)
        try Patience.wait(for: "the upstream connection to close") { setup.origin.openConnectionCount == 0 }
        #expect(setup.origin.requests.isEmpty)
        #expect(try setup.isServing())
    }

    @Test("a client that takes nothing is cut") func stuckReader() throws {
        let setup = try Setup(flags: ["-write-timeout-server", "500ms"], serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            try connection.send([UInt8](repeating: 0x78, count: 100_000_000))
        })
        let client = try setup.client(receiveBuffer: 16 * 1024)
        try client.send(get("/"))
        try Patience.wait(for: "the upstream connection to close") { setup.origin.connectionCount == 1 && setup.origin.openConnectionCount == 0 }
        #expect(throws: (any Error).self) { try client.discard(100_000_000) }
    }

    /// The kernel keeps megabytes for a client, and says that there is room again only when a third is free: a slow
    /// client moves all that time.
    @Test("a client that takes little at a time is not cut") func slowReader() throws {
        let size = 6 << 20
        let setup = try Setup(flags: ["-write-timeout-server", "2s"], serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            try connection.send([UInt8](repeating: 0x78, count: size))
        })
        let client = try setup.client(receiveBuffer: 16 * 1024)
        try client.send(get("/"))
        _ = try client.read(through: "\r\n\r\n")
        for _ in 0..<40 { try client.discard(16 * 1024, pieces: 4 * 1024, pauseMicroseconds: 20_000) }
        try client.discard(size - 40 * 16 * 1024)
        #expect(client.isQuiet(milliseconds: 10))
    }

    // MARK: HTTP/2

    /// A client with windows for everything, so that only its socket holds the proxy up.
    private func wideClient(_ setup: Setup) throws -> HTTP2Client {
        let client = try HTTP2Client(port: setup.proxy.port, settings: [(4, 0x7FFF_FFFF)], receiveBuffer: 16 * 1024)
        try client.send(.windowUpdate(0, 0x7FFF_0000), .headers(1, HTTP2Frame.get()))
        return client
    }

    @Test("an HTTP/2 client that takes little at a time is not cut") func slowHTTP2Reader() throws {
        let size = 6 << 20
        let setup = try Setup(flags: ["-write-timeout-server", "2s"], answer: { _ in ok(String(repeating: "x", count: size)) })
        let client = try wideClient(setup)
        _ = try client.fields(client.read(until: 1))
        var got = 0
        var frameCount = 0
        while got < size {
            let frame = try client.read(until: 0)
            got += frame.payload.count
            frameCount += 1
            if frameCount < 40 { Patience.pause(milliseconds: 80) }
            #expect(frame.endsStream == (got == size))
        }
        #expect(try client.exchangeOn(3).status == 200)
    }

    @Test("an HTTP/2 client that opens its window by little is not cut") func smallWindows() throws {
        let size = 100_000
        let setup = try Setup(flags: ["-write-timeout-server", "2s"], answer: { _ in ok(String(repeating: "x", count: size)) })
        let client = try HTTP2Client(port: setup.proxy.port, settings: [(4, 500)])
        try client.send(.headers(1, HTTP2Frame.get()))
        _ = try client.fields(client.read(until: 1))
        var got = 0
        while got < size {
            got += try client.read(until: 0).payload.count
            if got < 12_500 { Patience.pause(milliseconds: 100) }
            try client.send(.windowUpdate(0, 500), .windowUpdate(1, got < 12_500 ? 500 : 100_000))
        }
        #expect(got == size)
    }

    @Test("an HTTP/2 client that takes nothing is cut", arguments: ["socket", "stream", "connection"]) func stuckHTTP2Reader(full: String) throws {
        let setup = try Setup(flags: ["-write-timeout-server", "500ms"], serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            try connection.send([UInt8](repeating: 0x78, count: 100_000_000))
        })
        let client = try full == "socket" ? wideClient(setup) : HTTP2Client(port: setup.proxy.port, settings: full == "stream" ? [(4, 1000)] : [(4, 0x7FFF_FFFF)])
        if full != "socket" { try client.send(.headers(1, HTTP2Frame.get())) }
        try Patience.wait(for: "the upstream connection to close") { setup.origin.connectionCount == 1 && setup.origin.openConnectionCount == 0 }
        if full == "stream" {
            #expect(try client.read(until: 3).stream == 1)
        } else {
            var response = HTTP2Response()
            do {
                while try !client.take(client.readTelling(), into: &response, creditsWindow: false) {}
            } catch {}
            #expect(response.body.count < 100_000_000)
        }
    }

    @Test("the limit for the response's head does not hold while the client still sends") func slowUpload() throws {
        let mayRead = Gate()
        let hasMost = Gate()
        let size = 3_000_000
        let origin = try LoopbackOrigin(takesLittle: true, serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try mayRead.wait()
            try connection.discard(size)
            hasMost.open()
            try connection.discard(1)
            try connection.send(ok("taken"))
        })
        let proxy = try FairwayProcess(routes: "all: * -> \"\(origin.url)\"", flags: ["-response-header-timeout-backend", "4s"])
        let client = try RawClient(port: proxy.port)
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(size + 1)\r\n\r\n")
        client.sendSlowly([UInt8](repeating: 1, count: size), pieces: size)
        // The upstream takes no more for a moment, and all that has come later on.
        Patience.pause(milliseconds: 100)
        mayRead.open()
        try hasMost.wait()
        Patience.pause(milliseconds: 5_500)
        try client.send([1])
        #expect(try client.readResponse().bodyText == "taken")
    }
}
