import TestSupport
import Testing

/// Who the client is, by the connection, by PROXY headers and by X-Forwarded-For, and who is told.
// Its clients send a PROXY header ahead of everything else.
@Suite("The client's address", .enabled(if: !TestScheme.isHTTPS && !TestProtocol.isHTTP2))
struct ClientAddressTests {
    /// Routes that answer which predicate the client's address satisfied.
    private static let routes = """
        ip: ClientIP("203.0.113.0/24") -> inlineContent("ClientIP") -> <shunt>;
        source: Source("198.51.100.0/24") -> inlineContent("Source") -> <shunt>;
        none: * -> inlineContent("none") -> <shunt>;
        """

    /// A PROXY header may take a second.
    private func inTime<Value>(_ body: () throws -> Value) throws -> Value { try Patience.within(milliseconds: 900, body) }

    private func body(_ proxy: FairwayProcess, _ preface: String = "", fields: String = "") throws -> String {
        try inTime { try RawClient(port: proxy.port).exchange(preface + get("/", fields: fields + "Connection: close\r\n")).bodyText }
    }

    // MARK: PROXY protocol

    @Test("a PROXY header names the client, whatever pieces it comes in") func header() throws {
        let proxy = try FairwayProcess(routes: Self.routes, flags: ["-enable-proxy-protocol"])
        #expect(try body(proxy, "PROXY TCP4 203.0.113.7 192.0.2.1 51342 443\r\n") == "ClientIP")
        #expect(try body(proxy, "PROXY TCP4 192.0.2.7 192.0.2.1 51342 443\r\n") == "none")
        #expect(try body(proxy, "PROXY UNKNOWN\r\n") == "none")
        let client = try inTime {
            let client = try RawClient(port: proxy.port)
            for piece in ["PROXY TCP4 203.0", ".113.7 192.0.2.1 51342 443\r", "\nGET / HTTP/1.1\r\nHost: ", "a.test\r\n\r\n"] {
                try client.send(piece)
                Patience.pause(milliseconds: 20)
            }
            return client
        }
        #expect(try client.readResponse().bodyText == "ClientIP")
        #expect(try client.exchange(get("/again")).bodyText == "ClientIP")
    }

    @Test("without a header the connection is closed before a byte is read as HTTP", arguments: ["GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "PROXY TCP4 nonsense\r\n", "PRO"])
    func missing(text: String) throws {
        let proxy = try FairwayProcess(routes: Self.routes, flags: ["-enable-proxy-protocol"])
        let client = try RawClient(port: proxy.port)
        try client.send(text)
        #expect(((try? client.readToEnd()) ?? []).isEmpty)
        #expect(try body(proxy, "PROXY UNKNOWN\r\n") == "none")
    }

    @Test("peers that are denied, skipped, and not allowed") func lists() throws {
        let denied = try FairwayProcess(routes: Self.routes, flags: ["-enable-proxy-protocol", "-proxy-deny-cidrs", "127.0.0.0/8"])
        #expect(((try? RawClient(port: denied.port).readToEnd()) ?? []).isEmpty)
        let skipped = try FairwayProcess(routes: Self.routes, flags: ["-enable-proxy-protocol", "-proxy-skip-cidrs", "127.0.0.1/32"])
        #expect(try body(skipped) == "none")
        let others = try FairwayProcess(routes: Self.routes, flags: ["-enable-proxy-protocol", "-proxy-allow-cidrs", "10.0.0.0/8"])
        #expect(((try? RawClient(port: others.port).readToEnd()) ?? []).isEmpty)
    }

    // MARK: Trusted proxies

    /// X-Forwarded-For as it comes, and what is then believed.
    static let trusting: [(flags: [String], list: String, answer: String)] = [
        ([], "198.51.100.1, 10.0.0.1", "Source"),
        ([], "203.0.113.1", "none"),
        (["-trusted-hops", "1"], "198.51.100.1, 203.0.113.9", "ClientIP"),
        (["-trusted-hops", "2"], "198.51.100.1, 203.0.113.9", "Source"),
        (["-trusted-hops", "2"], "203.0.113.9, 198.51.100.1, 10.0.0.1", "Source"),
        (["-trusted-hops", "5"], "203.0.113.9", "ClientIP"),
        (["-trusted-hops", "1"], "203.0.113.9, unknown", "none"),
        (["-trusted-proxies", "127.0.0.0/8,10.0.0.0/8"], "198.51.100.1, 203.0.113.9, 10.0.0.1, 10.0.0.2", "ClientIP"),
        (["-trusted-proxies", "127.0.0.0/8"], "198.51.100.1, 10.0.0.2", "none"),
        (["-trusted-proxies", "10.0.0.0/8"], "203.0.113.9", "none"),
        (["-trusted-proxies", "127.0.0.0/8,10.0.0.0/8", "-trusted-hops", "2"], "203.0.113.9, 198.51.100.1, 10.0.0.1", "Source"),
    ]

    @Test("X-Forwarded-For is believed as far as proxies are trusted", arguments: trusting)
    func trust(flags: [String], list: String, answer: String) throws {
        let proxy = try FairwayProcess(routes: Self.routes, flags: flags)
        #expect(try body(proxy, fields: "X-Forwarded-For: \(list)\r\n") == answer)
    }

    @Test("several lines are one list") func lines() throws {
        let proxy = try FairwayProcess(routes: Self.routes, flags: ["-trusted-hops", "2"])
        #expect(try body(proxy, fields: "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9, 198.51.100.2\r\nX-Forwarded-For: 10.0.0.1\r\n") == "Source")
    }

    @Test("what a client without a proxy says of itself is replaced") func untrusted() throws {
        let echo: @Sendable (RawMessage) -> String = { request in
            ok(["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded"].map { "\($0)=\(request.value($0) ?? "-")" }.joined(separator: " "))
        }
        let lies = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nForwarded: for=203.0.113.9\r\n"
        let outside = try Setup(flags: ["-trusted-proxies", "10.0.0.0/8"], answer: echo)
        #expect(try outside.client().exchange(get("/", fields: lies)).bodyText
            == "X-Forwarded-For=127.0.0.1 X-Forwarded-Host=a.test X-Forwarded-Proto=http X-Forwarded-Port=- Forwarded=-")
        let inside = try Setup(flags: ["-trusted-proxies", "127.0.0.0/8"], answer: echo)
        #expect(try inside.client().exchange(get("/", fields: lies)).bodyText
            == "X-Forwarded-For=203.0.113.9 X-Forwarded-Host=- X-Forwarded-Proto=https X-Forwarded-Port=1 Forwarded=for=203.0.113.9")
    }

    @Test("the access log shows the same address") func log() throws {
        let setup = try Setup(flags: ["-trusted-hops", "1"])
        _ = try setup.client().exchange(get("/logged", fields: "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nConnection: close\r\n"))
        try Patience.wait(for: "the line") { setup.proxy.log.contains("/logged") }
        let line = setup.proxy.log.split(separator: "\n").first { $0.contains("/logged") }
        #expect(line?.hasPrefix("203.0.113.9 ") == true)
    }
}
