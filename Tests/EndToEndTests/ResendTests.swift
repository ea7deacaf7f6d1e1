import TestSupport
import Testing

/// RFC 9110 §9.2.2: a request may go out twice only if that does no harm, and only if the connection it went out on had
/// been used before, whose end may have crossed the request.
@Suite("Reused connections that turn out closed")
struct ResendTests {
    /// The first connection answers one request, takes another and does `act`; all others answer everything.
    private func setup(_ act: @escaping @Sendable (OriginConnection) throws -> Void) throws -> Setup {
        try Setup(serve: { connection in
            if connection.number == 0 {
                guard let request = try connection.readRequest() else { return }
                try connection.send(Setup.answer(request))
                guard try connection.readRequest() != nil else { return }
                return try act(connection)
            }
            while let request = try connection.readRequest() { try connection.send(Setup.answer(request)) }
        })
    }

    @Test("a request that may be repeated is", arguments: [
        get("/again"), "HEAD /again HTTP/1.1\r\nHost: a.test\r\n\r\n", "OPTIONS /again HTTP/1.1\r\nHost: a.test\r\n\r\n", get("/again", fields: "Idempotency-Key: 1\r\n").replacing("GET", with: "POST"),
        get("/again", fields: "X-Idempotency-Key: 1\r\n").replacing("GET", with: "POST"),
    ], [false, true])
    func repeated(request: String, resets: Bool) throws {
        for framing in Framing.allCases {
            let setup = try setup { if resets { $0.reset() } }
            let client = try setup.client(framing)
            #expect(try client.exchange(get("/first")).status == 200)
            #expect(try client.exchange(request, method: String(request.prefix { $0 != " " })).status == 200, "\(framing)")
            #expect(setup.origin.requests.map(\.target) == ["/first", "/again", "/again"] && setup.origin.connectionCount == 2)
        }
    }

    @Test("a request that might act twice is not", arguments: [post("/once", "body"), post("/once", ""), get("/once").replacing("GET", with: "POST"), get("/once").replacing("GET", with: "DELETE"), post("/once", "body", fields: "Idempotency-Key: 1\r\n")], Framing.allCases)
    func notRepeated(request: String, framing: Framing) throws {
        let setup = try setup { _ in }
        let client = try setup.client(framing)
        #expect(try client.exchange(get("/first")).status == 200)
        // A body that was declared empty is none: such a request may count as one without.
        let status = try client.exchange(request).status
        #expect(status == 502)
        #expect(setup.origin.requests.map(\.target) == ["/first", "/once"])
    }

    @Test("a request whose answer has begun is not", arguments: ["H", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 103 Early Hints\r\n\r\n"], Framing.allCases) func begun(bytes: String, framing: Framing) throws {
        let setup = try setup { try $0.send(bytes) }
        let client = try setup.client(framing)
        #expect(try client.exchange(get("/first")).status == 200)
        try client.send(get("/once"))
        var response = try client.readResponse()
        if response.status < 200 { response = try client.readResponse() }
        #expect(response.status == 502)
        #expect(setup.origin.requests.map(\.target) == ["/first", "/once"])
    }

    @Test("a request on a fresh connection is not", arguments: Framing.allCases) func fresh(framing: Framing) throws {
        let setup = try Setup(serve: { connection in _ = try connection.readRequest() })
        #expect(try setup.client(framing).exchange(get("/once")).status == 502)
        #expect(setup.origin.requests.count == 1)
    }

    @Test("a connection the origin closed while it was idle is not used", arguments: Framing.allCases) func closedIdle(framing: Framing) throws {
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.send(Setup.answer(request))
        })
        let client = try setup.client(framing)
        for number in 0..<5 {
            #expect(try client.exchange(post("/\(number)", "body")).status == 200)
            let closed = "skipper_custom_total{key=\"backend-conn-closed\"} \(number + 1)\n"
            try Patience.wait(for: "the proxy to notice the origin's end") { try RawClient.get("/metrics", port: setup.proxy.supportPort).bodyText.contains(closed) }
        }
        #expect(setup.origin.requests.count == 5)
    }

    @Test("a connection on which the origin spoke out of turn is not used", arguments: Framing.allCases) func spokenIdle(framing: Framing) throws {
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                try connection.send(Setup.answer(request))
                Patience.pause(milliseconds: 50)
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
            }
        })
        let client = try setup.client(framing)
        for number in 0..<3 {
            #expect(try client.exchange(get("/\(number)")).bodyText == "GET /\(number) ")
            try Patience.wait(for: "the proxy to close the connection") { setup.origin.openConnectionCount == 0 }
        }
    }
}
