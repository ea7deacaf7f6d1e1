import TestSupport
import Testing

@Suite("Upgrades, RFC 9110 §7.8")
struct UpgradeTests {
    private static let request = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    private static let accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n"

    /// An origin that upgrades and then sends back every line.
    private func echoing(early: String = "") throws -> Setup {
        try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send(Self.accepted + early)
            while let line = try? connection.read(through: "\n") { try connection.send("echo \(line)") }
        })
    }

    @Test("bytes pass both ways, those sent early too") func tunnel() throws {
        let setup = try echoing(early: "hello\n")
        let client = try setup.client()
        try client.send(Self.request + "early\n")
        let response = try client.readResponse()
        #expect(response.status == 101 && response.value("Upgrade") == "websocket" && response.hasToken("upgrade", in: "Connection"))
        // HTTP/2 has neither key nor proof.
        #expect(response.value("Sec-WebSocket-Accept") == (TestProtocol.isHTTP2 ? nil : "y") && response.value("Content-Length") == nil && response.value("Transfer-Encoding") == nil)
        #expect(try client.read(through: "\n") == "hello\n")
        #expect(try client.read(through: "\n") == "echo early\n")
        for number in 0..<50 {
            try client.send("\(number)\n")
            #expect(try client.read(through: "\n") == "echo \(number)\n")
        }
        let request = try #require(setup.origin.requests.first)
        #expect(request.value("Upgrade") == "websocket" && request.hasToken("upgrade", in: "Connection") && !request.hasToken("keep-alive", in: "Connection"))
        #expect(request.value("Sec-WebSocket-Key") == "x" || TestProtocol.isHTTP2)
    }

    @Test("-experimental-upgrade-audit writes down what passes, and nobody else does") func audit() throws {
        for flags in [["-experimental-upgrade-audit"], []] {
            let origin = try LoopbackOrigin(serve: { connection in
                guard try connection.readRequestHead() != nil else { return }
                try connection.send(Self.accepted)
                try connection.send("echo " + connection.read(through: "\n"))
            })
            let proxy = try FairwayProcess(routes: "all: * -> \"\(origin.url)\"", flags: flags)
            let client = try RawClient(port: proxy.port)
            try client.send(Self.request)
            #expect(try client.readResponse().status == 101)
            try client.send("\"hi\"\n")
            #expect(try client.read(through: "\n") == "echo \"hi\"\n")
            if flags.isEmpty { return #expect(!proxy.log.contains("\"upgrade\"")) }
            try proxy.waitForLog(#"{"upgrade":"client","route":"all","client":"127.0.0.1","data":"\"hi\"\u000A"}"#)
            try proxy.waitForLog(#"{"upgrade":"upstream","route":"all","client":"127.0.0.1","data":"echo \"hi\"\u000A"}"#)
        }
    }

    @Test("an upstream that cannot be reached, or takes itself back, is a 503") func unconnected() throws {
        let dead = try FreePorts.next()
        let origin = try LoopbackOrigin(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n")
            _ = try? connection.readToEnd()
        })
        let proxy = try FairwayProcess(routes: "dead: Path(\"/dead\") -> \"http://127.0.0.1:\(dead)\"; ws: Path(\"/ws\") -> \"\(origin.url)\";")
        let request = "GET /dead HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
        #expect(try RawClient(port: proxy.port).exchange(request).status == 503)
        #expect(try RawClient(port: proxy.port).exchange(Self.request).status == 503)
        try proxy.waitForLog("503 connect: ")
        #expect(try RawClient(port: proxy.port).exchange(get("/dead")).status == 502)
    }

    @Test("a tunnel may be quiet for longer than requests may last") func quiet() throws {
        let limits = ["-read-header-timeout-server", "-read-timeout-server", "-write-timeout-server", "-idle-timeout-server", "-response-header-timeout-backend"]
        let setup = try Setup(flags: limits.flatMap { [$0, "2s"] }, serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send(Self.accepted)
            while let line = try? connection.read(through: "\n") { try connection.send("echo \(line)") }
        })
        let client = try setup.client()
        try client.send(Self.request)
        #expect(try client.readResponse().status == 101)
        for number in 0..<2 {
            Patience.pause(milliseconds: 2_500)
            try client.send("\(number)\n")
            #expect(try client.read(through: "\n") == "echo \(number)\n")
        }
    }

    @Test("many bytes at once, both ways") func large() throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send(Self.accepted)
            for _ in 0..<64 { try connection.send(try connection.readExactly(64 * 1024)) }
        })
        let client = try setup.client()
        try client.send(Self.request)
        #expect(try client.readResponse().status == 101)
        let text = (0..<(4 << 20) / 8).map { String($0 % 10_000_000 + 10_000_000) }.joined()
        client.sendSlowly(text, pieces: 256 * 1024)
        #expect(try client.readExactly(text.utf8.count) == Array(text.utf8))
    }

    @Test("the end of either side ends the other", arguments: ["client", "origin", "client resets"]) func ends(who: String) throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send(Self.accepted)
            if who == "origin" { return try connection.send("bye") }
            _ = try? connection.readToEnd()
        })
        let client = try setup.client()
        try client.send(Self.request)
        #expect(try client.readResponse().status == 101)
        switch who {
        case "client": client.finish()
        case "origin": #expect(try client.readToEnd() == Array("bye".utf8))
        default: client.reset()
        }
        if who == "client" { #expect(try client.endsCleanly()) }
        try Patience.wait(for: "the origin's side to end") { setup.origin.openConnectionCount == 0 }
    }

    @Test("what the client has said before it closed still arrives, and so does the answer") func halfClose() throws {
        let setup = try Setup(serve: { connection in
            guard try connection.readRequestHead() != nil else { return }
            try connection.send(Self.accepted)
            let all = try connection.readToEnd()
            try connection.send("got \(all.count)")
        })
        let client = try setup.client()
        try client.send(Self.request)
        #expect(try client.readResponse().status == 101)
        try client.send(String(repeating: "x", count: 100_000))
        client.finish()
        #expect(String(decoding: try client.readToEnd(), as: UTF8.self) == "got 100000")
    }

    @Test("an origin that does not upgrade answers like any other", arguments: [ok("plain"), "HTTP/1.1 403 Forbidden\r\nX-Why: y\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"])
    func declined(response: String) throws {
        let setup = try Setup(answer: { _ in response })
        let client = try setup.client()
        let first = try client.exchange(Self.request)
        let status = Int(response.dropFirst(9).prefix(3))
        if status == 200, TestProtocol.isHTTP2 {
            // It would look like a tunnel, RFC 8441 §5.
            #expect(first.status == 502)
        } else {
            #expect(first.status == status && !first.body.isEmpty)
        }
        #expect(try client.exchange(get("/next")).status == status)
    }

    @Test("a 101 nobody asked for is no answer", arguments: [
        "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    ].filter { !TestProtocol.isHTTP2 || $0.contains("HTTP/1.1") })
    func unasked(request: String) throws {
        let setup = try Setup(answer: { _ in Self.accepted })
        #expect(try setup.client().exchange(request).status == 502)
        for request in setup.origin.requests { #expect(request.value("Upgrade") == nil) }
    }

    @Test("a tunnel's client that resets is not taken for the client of the next request", .enabled(if: !TestProtocol.isHTTP2)) func resetTunnel() throws {
        let mayTalk = Gate()
        let hasTalked = Gate()
        let setup = try Setup(serve: { connection in
            while let request = try connection.readRequestHead() {
                guard request.target == "/ws" else {
                    try connection.send(ok("here"))
                    continue
                }
                try connection.send(Self.accepted)
                try mayTalk.wait()
                try connection.send("news\n")
                hasTalked.open()
            }
        })
        let next = try setup.client()
        #expect(try next.exchange(get("/1")).bodyText == "here")
        let client = try setup.client()
        try client.send(Self.request)
        #expect(try client.readResponse().status == 101)
        // The upstream's word, which the tunnel's client does not take any more, the next request, the reset.
        try setup.proxy.paused {
            mayTalk.open()
            try hasTalked.wait()
            try next.send(get("/2"))
            client.reset()
        }
        #expect(try next.readResponse().bodyText == "here")
        #expect(try setup.isServing())
    }
}
