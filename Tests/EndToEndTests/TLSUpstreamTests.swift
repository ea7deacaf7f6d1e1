import Synchronization
import TestSupport
import Testing

/// Origins behind `https://`.
@Suite("TLS to upstreams")
struct TLSUpstreamTests {
    private static let authority = try! TestAuthority()
    private static let good = try! authority.issue(["IP:127.0.0.1", "DNS:up.test"])
    private static let named = try! authority.issue(["DNS:up.test"])
    private static let expired = try! authority.issue(["IP:127.0.0.1"], days: -1)

    private static func origin(_ pair: TestAuthority.Pair = good) throws -> LoopbackOrigin {
        try LoopbackOrigin(certificate: pair, serve: { connection in
            while let request = try connection.readRequest() { try connection.send(Setup.answer(request)) }
        })
    }

    private static func proxy(_ origin: LoopbackOrigin, filters: String? = nil, flags: [String] = []) throws -> FairwayProcess {
        try FairwayProcess(routes: "all: * -> \(filters ?? "backendTLSCA(\"\(authority.certificate)\")") -> \"\(origin.url)\"", flags: flags)
    }

    @Test("requests and bodies go both ways, over one connection") func exchanges() throws {
        let origin = try Self.origin()
        let proxy = try Self.proxy(origin)
        for number in 0..<5 { #expect(try RawClient.get("/\(number)", port: proxy.port).bodyText == "GET /\(number) ") }
        let body = String(repeating: "0123456789", count: 60_000)
        #expect(try RawClient(port: proxy.port).exchange(post("/large", body)).bodyText == "POST /large \(body)")
        #expect(origin.connectionCount == 1)
    }

    @Test("a certificate that proves nothing is a 502, with the reason in the log", arguments: [
        ("expired", "backendTLSCA(CA)", "certificate has expired"), ("named", "backendTLSCA(CA)", "certificate refused: "),
        ("good", "backendTLSCA(CA) -> backendTLSServerName(\"other.test\")", "hostname mismatch"), ("good", "preserveHost(\"false\")", "unable to get local issuer certificate"),
    ])
    func refused(certificate: String, filters: String, reason: String) throws {
        let pair = ["expired": Self.expired, "named": Self.named, "good": Self.good][certificate]!
        let origin = try Self.origin(pair)
        let proxy = try Self.proxy(origin, filters: filters.replacing("(CA)", with: "(\"\(Self.authority.certificate)\")"))
        #expect(try RawClient.get("/", port: proxy.port).status == 502)
        try proxy.waitForLog("502 TLS handshake: ", reason)
        #expect(origin.requests.isEmpty)
    }

    @Test("another name may be asked for") func serverName() throws {
        let origin = try Self.origin(Self.named)
        let proxy = try Self.proxy(origin, filters: "backendTLSCA(\"\(Self.authority.certificate)\") -> backendTLSServerName(\"up.test\")")
        #expect(try RawClient.get("/", port: proxy.port).status == 200)
    }

    @Test("unverified with -insecure") func insecure() throws {
        let origin = try Self.origin(Self.expired)
        let proxy = try Self.proxy(origin, filters: "preserveHost(\"false\")", flags: ["-insecure"])
        #expect(try RawClient.get("/", port: proxy.port).status == 200)
        try proxy.waitForLog("-insecure")
    }

    @Test("routes with other rules do not share connections") func separation() throws {
        let origin = try Self.origin()
        let ca = "backendTLSCA(\"\(Self.authority.certificate)\")"
        let proxy = try FairwayProcess(routes: """
            a: Path("/a") -> \(ca) -> "\(origin.url)";
            b: Path("/b") -> \(ca) -> backendTLSServerName("up.test") -> "\(origin.url)";
            c: Path("/c") -> "\(origin.url)";
            """)
        for _ in 0..<3 {
            #expect(try RawClient.get("/a", port: proxy.port).status == 200 && RawClient.get("/b", port: proxy.port).status == 200)
            #expect(try RawClient.get("/c", port: proxy.port).status == 502)
        }
        #expect(origin.requests.count == 6)
    }

    @Test("an origin that is no TLS server, or leaves in the handshake", arguments: ["HTTP/1.1 400 no\r\n\r\n", ""])
    func noTLS(answer: String) throws {
        let origin = try LoopbackOrigin(serve: { connection in
            _ = try connection.readExactly(5)
            try connection.send(answer)
        })
        let proxy = try FairwayProcess(routes: "all: * -> \"https://127.0.0.1:\(origin.port)\"")
        #expect(try RawClient.get("/", port: proxy.port).status == 502)
        try proxy.waitForLog("502 TLS handshake: ")
    }

    @Test("an origin that is silent in the handshake is given up") func silent() throws {
        let origin = try LoopbackOrigin(serve: { connection in _ = try connection.readToEnd() })
        let proxy = try FairwayProcess(routes: "all: * -> \"https://127.0.0.1:\(origin.port)\"", flags: ["-tls-timeout-backend", "100ms"])
        #expect(try RawClient.get("/", port: proxy.port).status == 504)
        try proxy.waitForLog("504 TLS handshake: not done in time")
    }

    @Test("a response without a length that ends without a word is not taken as whole") func truncation() throws {
        let origin = try LoopbackOrigin(certificate: Self.good, serve: { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.send("HTTP/1.1 200 OK\r\n\r\nall of it")
            if request.target == "/whole" { connection.finish() }
        })
        let proxy = try Self.proxy(origin)
        let whole = try RawClient(port: proxy.port).exchange(get("/whole"))
        #expect(whole.status == 200 && whole.bodyText == "all of it")
        #expect(throws: (any Error).self) { try RawClient(port: proxy.port).exchange(get("/cut")) }
    }

    /// Such a request could not be sent again.
    @Test("a request with a body does not go to a connection that is just being closed", .enabled(if: !TestProtocol.isHTTP2)) func closedMeanwhile() throws {
        let mayClose = Gate()
        let origin = try LoopbackOrigin(certificate: Self.good, serve: { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.send(ok(request.bodyText))
            if connection.number == 0 { try mayClose.wait() } else { _ = try connection.readRequest() }
        })
        let proxy = try Self.proxy(origin)
        let client = try RawClient(port: proxy.port)
        #expect(try client.exchange(post("/1", "first")).bodyText == "first")
        try proxy.paused {
            try client.send(post("/2", "second"))
            mayClose.open()
            try Patience.wait(for: "the end of the connection") { origin.openConnectionCount == 0 }
        }
        #expect(try client.readResponse().bodyText == "second")
        #expect(origin.requests.map(\.target) == ["/1", "/2"] && origin.connectionCount == 2)
    }

    @Test("certificates for upstreams are shown, and read again") func clientCertificates() throws {
        let folder = try TemporaryFolder()
        let first = try Self.authority.issue(["DNS:client.test"], commonName: "first client")
        let second = try Self.authority.issue(["DNS:client.test"], commonName: "second client")
        func publish(_ pair: TestAuthority.Pair, key: TestAuthority.Pair) throws {
            try folder.write(contents(of: pair.certificate), to: "cert")
            try folder.write(contents(of: key.key), to: "key")
        }
        try publish(first, key: first)
        let server = try OpenSSLServer(["-cert", Self.good.certificate, "-key", Self.good.key, "-Verify", "1", "-CAfile", Self.authority.certificate, "-no_ticket"])
        let proxy = try FairwayProcess(
            routes: "all: * -> backendTLSCA(\"\(Self.authority.certificate)\") -> \"https://127.0.0.1:\(server.port)\"",
            flags: ["-enable-mtls", "-client-tls-cert", "\(folder.path)/cert", "-client-tls-key", "\(folder.path)/key", "-disable-http-keepalives", "-client-tls-cert-refresh-interval", "50ms"])
        func subject() throws -> String { try RawClient.get("/", port: proxy.port).bodyText }
        #expect(try subject().contains("first client"))
        try publish(second, key: first)
        try Patience.wait(for: "the report") { proxy.log.contains("the former ones stay") }
        #expect(try subject().contains("first client"))
        try publish(second, key: second)
        try Patience.wait(for: "the second certificate") { try subject().contains("second client") }
    }

    @Test("sessions are resumed") func resumption() throws {
        let server = try OpenSSLServer(["-cert", Self.good.certificate, "-key", Self.good.key])
        let proxy = try FairwayProcess(
            routes: "all: * -> backendTLSCA(\"\(Self.authority.certificate)\") -> \"https://127.0.0.1:\(server.port)\"", flags: ["-disable-http-keepalives"])
        #expect(try RawClient.get("/", port: proxy.port).bodyText.contains("New, TLSv1.3"))
        for _ in 0..<3 { #expect(try RawClient.get("/", port: proxy.port).bodyText.contains("Reused, TLSv1.3")) }
    }

    @Test("routes are fetched over TLS") func remoteRoutes() throws {
        let origin = try LoopbackOrigin(certificate: Self.good, serve: { connection in
            while try connection.readRequest() != nil { try connection.send(ok("r: * -> inlineContent(\"from afar\") -> <shunt>;")) }
        })
        let proxy = try FairwayProcess(routes: "", flags: ["-inline-routes", "", "-insecure", "-routes-urls", "\(origin.url)/routes"])
        try Patience.wait(for: "the routes") { try RawClient.get("/", port: proxy.port).bodyText == "from afar" }
    }

    @Test("files that cannot be used cost their route only") func badFile() throws {
        let origin = try Self.origin()
        let proxy = try FairwayProcess(routes: """
            bad: Path("/bad") -> backendTLSCA("/nowhere.pem") -> "\(origin.url)";
            name: Path("/name") -> backendTLSServerName("not a name") -> "\(origin.url)";
            good: Path("/good") -> backendTLSCA("\(Self.authority.certificate)") -> "\(origin.url)";
            """)
        #expect(try RawClient.get("/bad", port: proxy.port).status == 404 && RawClient.get("/name", port: proxy.port).status == 404)
        #expect(try RawClient.get("/good", port: proxy.port).status == 200)
        try proxy.waitForLog("/nowhere.pem: No such file or directory")
    }
}

/// `openssl s_server`, which tells each client about the connection.
final class OpenSSLServer: Sendable {
    let port: UInt16
    private let pid: Int32

    init(_ words: [String]) throws {
        port = try FreePorts.next()
        pid = try Command.start(["openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-www", "-quiet"] + words)
        try Patience.wait(for: "openssl s_server") { [port] in (try? BlockingSocket.connected(to: port)) != nil }
    }

    deinit { Command.end(pid) }
}
