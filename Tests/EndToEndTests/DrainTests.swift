import Glibc
import TestSupport
import Testing

@Suite("The end of the process")
struct DrainTests {
    /// An origin that answers when told.
    private func held() throws -> (Setup, release: @Sendable () -> Void) {
        let gate = Gate()
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequest() {
                if request.target.hasPrefix("/held") { try gate.wait() }
                try connection.send(Setup.answer(request))
            }
        })
        return (setup, { gate.open() })
    }

    private func waitUntilClosed(_ proxy: FairwayProcess) throws {
        try Patience.wait(for: "the listener to close") { (try? RawClient(port: proxy.port)) == nil }
    }

    @Test("who still waits for its routes ends at once, as nobody has to turn away") func beforeTheStart() throws {
        let folder = try TemporaryFolder()
        let proxy = try FairwayProcess(awaiting: folder.path + "/none.eskip", flags: ["-wait-for-healthcheck-interval", "10m"])
        proxy.signal(SIGTERM)
        #expect(try proxy.waitForEnd() == .exited(0))
    }

    @Test("a request under way ends, idle connections close, nothing new is taken, and the status is 0") func inFlight() throws {
        let (setup, release) = try held()
        let idle = try setup.client(), busy = try setup.client()
        #expect(try idle.exchange(get("/")).status == 200)
        try busy.send(get("/held"))
        try setup.origin.waitForRequests(2)
        setup.proxy.signal(SIGTERM)
        #expect(try idle.endsCleanly())
        try waitUntilClosed(setup.proxy)
        #expect(setup.proxy.ended() == nil)
        release()
        let response = try busy.readResponse()
        #expect(response.bodyText == "GET /held " && response.hasToken("close", in: "Connection"))
        #expect(try busy.endsCleanly())
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("what is owed of a request that nobody answers any more does not hold it up", .enabled(if: !TestProtocol.isHTTP2), arguments: [
        "GET / HT", "POST /answered HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhe",
    ])
    func owed(text: String) throws {
        let proxy = try FairwayProcess(routes: "x: Path(\"/x\") -> status(204) -> <shunt>", flags: ["-read-header-timeout-server", "10m", "-read-timeout-server", "10m"])
        let client = try RawClient(port: proxy.port)
        try client.send(text)
        if text.hasPrefix("POST") { #expect(try client.readResponse().status == 404) } else { #expect(try RawClient.get("/x", port: proxy.port).status == 204) }
        proxy.signal(SIGTERM)
        #expect(try proxy.waitForEnd() == .exited(0))
    }

    @Test("a response under way is not cut") func longResponse() throws {
        let gate = Gate()
        let setup = try Setup(serve: { connection in
            guard try connection.readRequest() != nil else { return }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + String(repeating: "a", count: 100_000))
            try gate.wait()
            try connection.send(String(repeating: "b", count: 100_000))
        })
        let client = try setup.client()
        try client.send(get("/"))
        _ = try client.read(through: "\r\n\r\n")
        setup.proxy.signal(SIGTERM)
        try waitUntilClosed(setup.proxy)
        gate.open()
        #expect(try client.readExactly(200_000).count == 200_000)
        #expect(try client.endsCleanly())
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("tunnels go on while a request is under way, and are not waited for") func tunnels() throws {
        let gate = Gate()
        let setup = try Setup(serve: { connection in
            guard let request = try connection.readRequest() else { return }
            if request.value("Upgrade") == nil {
                try gate.wait()
                return try connection.send(ok("done"))
            }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while true { try connection.send(try connection.readExactly(4)) }
        })
        let tunnel = try setup.client(), busy = try setup.client()
        try tunnel.send(get("/ws", fields: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"))
        #expect(try tunnel.readResponse().status == 101)
        try busy.send(get("/"))
        try setup.origin.waitForRequests(2)
        setup.proxy.signal(SIGTERM)
        try waitUntilClosed(setup.proxy)
        try tunnel.send("ping")
        #expect(try tunnel.readExactly(4) == Array("ping".utf8))
        gate.open()
        #expect(try busy.readResponse().bodyText == "done")
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("a request that has begun to arrive is served", .enabled(if: !TestProtocol.isHTTP2)) func halfSent() throws {
        let setup = try Setup()
        let client = try setup.client()
        try client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Le")
        // Whoever comes behind it has been answered: by then it was read.
        #expect(try setup.isServing())
        setup.proxy.signal(SIGTERM)
        try waitUntilClosed(setup.proxy)
        try client.send("ngth: 4\r\n\r\nbody")
        let response = try client.readResponse()
        #expect(response.bodyText == "POST / body" && response.hasToken("close", in: "Connection"))
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("until load balancers have noticed, everything is served and the health path fails") func waitForHealthcheck() throws {
        let setup = try Setup(flags: ["-wait-for-healthcheck-interval", "5s"])
        let client = try setup.client()
        #expect(try client.exchange(get("/kube-system/healthz")).status == 200)
        setup.proxy.signal(SIGTERM)
        try Patience.wait(for: "the health path to fail") { try RawClient.get("/kube-system/healthz", port: setup.proxy.port).status == 503 }
        #expect(try client.exchange(get("/")).status == 200)
        #expect(try RawClient.get("/", port: setup.proxy.port).status == 200)
        try waitUntilClosed(setup.proxy)
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("a second SIGTERM, or a SIGINT, ends at once", arguments: [[SIGTERM, SIGTERM], [SIGINT], [SIGTERM, SIGINT]]) func atOnce(signals: [Int32]) throws {
        let (setup, release) = try held()
        let client = try setup.client()
        try client.send(get("/held"))
        try setup.origin.waitForRequests(1)
        for signal in signals {
            setup.proxy.signal(signal)
            // Two of a kind are one if they come before the first was taken.
            try waitUntilClosed(setup.proxy)
        }
        if case .exited = try setup.proxy.waitForEnd() {} else { Issue.record("ended by the signal itself") }
        release()
    }

    @Test("nothing under way, nothing to wait for", arguments: [SIGTERM, SIGINT]) func idle(signal: Int32) throws {
        let setup = try Setup()
        #expect(try setup.isServing())
        setup.proxy.signal(signal)
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }

    @Test("a client that turns out to speak HTTP/2 while the process ends is told of it") func lateHTTP2() throws {
        let setup = try Setup()
        let client = try HTTP2Client(port: setup.proxy.port, settings: nil)
        let preface = HTTP2Client.preface + HTTP2Frame.settings().bytes
        try client.wire.send(Array(preface[..<10]))
        // The preface is half read when the end begins.
        Patience.pause(milliseconds: 100)
        setup.proxy.signal(SIGTERM)
        try waitUntilClosed(setup.proxy)
        try client.wire.send(Array(preface[10...]))
        var frame = try client.readFrame()
        while frame.type != 7 { frame = try client.readFrame() }
        client.wire.close()
        #expect(try setup.proxy.waitForEnd() == .exited(0))
    }
}
