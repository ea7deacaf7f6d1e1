import TestSupport
import Testing

@Suite("Connections of clients that carry several requests")
struct ConnectionReuseTests {
    @Test("requests that come together are answered in their order") func pipelining() throws {
        let setup = try Setup()
        let client = try setup.client()
        try client.send(get("/1") + post("/2", "two") + get("/3") + post("/4", "") + get("/5"))
        for expected in ["GET /1 ", "POST /2 two", "GET /3 ", "POST /4 ", "GET /5 "] {
            #expect(try client.readResponse().bodyText == expected)
        }
        #expect(setup.origin.connectionCount == 1)
    }

    @Test("more requests than one turn answers") func longPipeline() throws {
        let setup = try Setup()
        let client = try setup.client()
        try client.send((0..<300).map { get("/\($0)") }.joined())
        for number in 0..<300 { #expect(try client.readResponse().bodyText == "GET /\(number) ") }
    }

    @Test("requests whose bytes come one by one") func byteByByte() throws {
        let setup = try Setup()
        let client = try setup.client()
        let chunked = "POST /2 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
        client.sendSlowly("\r\n" + get("/1") + chunked + post("/3", "body") + get("/4"))
        for expected in ["GET /1 ", "POST /2 abcde", "POST /3 body", "GET /4 "] { #expect(try client.readResponse().bodyText == expected) }
    }

    @Test("a pipeline cut anywhere", arguments: SeededRandom.seeds(3)) func randomCuts(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let setup = try Setup()
        let client = try setup.client()
        var bytes = Array((0..<40).map { number in number % 3 == 0 ? post("/\(number)", String(repeating: "b", count: number * 7)) : get("/\(number)") }.joined().utf8)[...]
        while !bytes.isEmpty {
            let count = 1 + random.below(min(bytes.count, 200))
            try client.send(Array(bytes.prefix(count)))
            bytes = bytes.dropFirst(count)
            if random.chance(oneIn: 4) { Patience.pause(milliseconds: 1) }
        }
        for number in 0..<40 { #expect(try client.readResponse().bodyText.hasPrefix(number % 3 == 0 ? "POST /\(number) " : "GET /\(number) "), "seed \(seed)") }
    }

    @Test("whether the connection stays open is what both sides said", .enabled(if: !TestProtocol.isHTTP2), arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.1", "Connection: x, Close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.1", "Connection: keep-alive\r\n", true),
    ])
    func persistence(version: String, fields: String, staysOpen: Bool) throws {
        let setup = try Setup()
        let client = try setup.client()
        try client.send("GET /1 \(version)\r\nHost: a.test\r\n\(fields)\r\n" + get("/2"))
        let response = try client.readResponse()
        #expect(response.bodyText == "GET /1 " && response.hasToken("close", in: "Connection") == !staysOpen)
        if staysOpen { #expect(try client.readResponse().bodyText == "GET /2 ") } else { #expect(try client.endsCleanly()) }
        #expect(setup.origin.requests.map(\.target) == (staysOpen ? ["/1", "/2"] : ["/1"]))
    }

    @Test("an upstream connection serves one client after the other") func upstreamReuse() throws {
        let setup = try Setup()
        for number in 0..<20 { #expect(try RawClient.get("/\(number)", port: setup.proxy.port).status == 200) }
        #expect(setup.origin.connectionCount == 1)
        for request in setup.origin.requests { #expect(request.value("Connection") == nil && request.value("Host") == "127.0.0.1:\(setup.origin.port)") }
    }

    /// Such a request could not be sent again.
    @Test("a request with a body does not go to a connection that is just being closed", .enabled(if: !TestProtocol.isHTTP2)) func closedMeanwhile() throws {
        let mayClose = Gate()
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.send(ok(request.bodyText))
            if connection.number == 0 { try mayClose.wait() } else { _ = try connection.readRequest() }
        })
        let client = try setup.client()
        #expect(try client.exchange(post("/1", "first")).bodyText == "first")
        try setup.proxy.paused {
            try client.send(post("/2", "second"))
            mayClose.open()
            try Patience.wait(for: "the end of the connection") { setup.origin.openConnectionCount == 0 }
        }
        #expect(try client.readResponse().bodyText == "second")
        #expect(setup.origin.requests.map(\.target) == ["/1", "/2"] && setup.origin.connectionCount == 2)
    }

    @Test("an upstream that closes after each response is connected to anew", arguments: ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\n\r\nok"])
    func closingUpstream(response: String) throws {
        let setup = try Setup(serve: { connection in
            if try connection.readRequest() != nil { try connection.send(response) }
        })
        let client = try setup.client()
        for _ in 0..<5 {
            let answer = try client.exchange(get("/"))
            #expect(answer.bodyText == "ok" && !answer.hasToken("close", in: "Connection"))
        }
        #expect(setup.origin.connectionCount == 5)
    }

    @Test("clients at once each get their own answers") func concurrency() throws {
        let setup = try Setup()
        let clients = try (0..<50).map { _ in try setup.client() }
        for round in 0..<5 {
            for (number, client) in clients.enumerated() { try client.send(get("/\(number)/\(round)")) }
            for (number, client) in clients.enumerated() { #expect(try client.readResponse().bodyText == "GET /\(number)/\(round) ") }
        }
    }

    @Test("a client that has said all it will say still gets its answers") func halfClose() throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                Patience.pause(milliseconds: 50)
                try connection.send(ok("\(request.target) \(request.bodyText)"))
            }
        })
        // For a second: then it counts as gone.
        let (bodies, isClean) = try Patience.within(milliseconds: 900) {
            let client = try setup.client()
            try client.send(get("/1") + post("/2", "body"))
            client.finish()
            return (try (0..<2).map { _ in try client.readResponse().bodyText }, try client.endsCleanly())
        }
        #expect(bodies == ["/1 ", "/2 body"] && isClean)
    }

    // Over HTTP/2 the end of the connection is that of its streams.
    @Test("a client that closes while it waits is gone soon, and its origin is told", .enabled(if: !TestProtocol.isHTTP2), arguments: ["GET", "POST", "pipelined", "GET at once", "POST at once"])
    func closedWhileWaiting(how: String) throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequest() != nil else { return }
            // Until the proxy gives up.
            _ = try connection.readRequest()
        })
        let client = try setup.client()
        let isPost = how.hasPrefix("POST")
        try client.send(isPost ? post("/x", "body") : how == "pipelined" ? get("/x") + get("/y") : get("/x"))
        // Its end comes behind the request that waits, or together with the request.
        if !how.hasSuffix("at once") { try setup.origin.waitForRequests(1) }
        client.close()
        try setup.proxy.waitForLog("\"\(isPost ? "POST" : "GET") /x HTTP/1.1\" 499 ")
        try Patience.wait(for: "the origin to be left") { setup.origin.openConnectionCount == 0 }
        #expect(setup.origin.requests.map(\.target) == ["/x"])
    }

    @Test("a client that goes in the middle of its request is not waited for") func cutRequest() throws {
        let setup = try Setup()
        for end in ["GET / HT", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"] {
            for isReset in [false, true] {
                let client = try setup.client()
                try client.send(end)
                Patience.pause(milliseconds: 20)
                if isReset { client.reset() } else { client.finish() }
                if !isReset { _ = try? client.readToEnd() }
            }
        }
        #expect(try setup.isServing())
        try Patience.wait(for: "cut requests to be given up upstream") { setup.origin.openConnectionCount <= 1 }
        #expect(setup.origin.requests.map(\.target) == ["/still-there"])
    }
}
