import TestSupport
import Testing

/// Filters that look at the certificates of clients; curl and openssl show some.
@Suite("Certificates of clients")
struct ClientCertificateTests {
    private static let authority = try! TestAuthority()
    private static let intermediate = try! TestAuthority(name: "intermediate", under: authority)
    private static let server = try! authority.issue(["IP:127.0.0.1"])
    private static let client = try! authority.issue(
        ["DNS:Pay.shop.test", "DNS:*.wild.test", "IP:10.1.2.3", "IP:2001:db8::5", "URI:spiffe://cluster/ns/shop/sa/pay"], commonName: "client")
    private static let otherAuthority = try! TestAuthority(name: "another")
    private static let foreign = try! otherAuthority.issue(["DNS:pay.shop.test"], commonName: "client")
    private static let expired = try! authority.issue([], commonName: "client", days: -1)
    private static let deep = try! intermediate.issue([], commonName: "deep")

    private static func proxy(_ filters: String, flags: [String] = ["-mtls-authn-ca", authority.certificate]) throws -> FairwayProcess {
        try FairwayProcess(
            routes: "all: * -> \(filters) -> inlineContent(\"hello\") -> <shunt>",
            flags: ["-tls-cert", server.certificate, "-tls-key", server.key, "-tls-client-auth", "RequestClientCert"] + flags)
    }

    /// curl's status code and the answer's WWW-Authenticate field.
    private static func ask(_ proxy: FairwayProcess, _ pair: TestAuthority.Pair?, words: [String] = []) throws -> String {
        let shown = pair.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
        return try Command.run(
            ["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code} %header{www-authenticate}", "-H", "Host: shop.test"] + shown + words
                + ["https://127.0.0.1:\(proxy.port)/"]).output
    }

    @Test("mtlsAuthn takes those of its authorities", arguments: ["--http1.1", "--http2"]) func authority(version: String) throws {
        let proxy = try Self.proxy("mtlsAuthn()")
        let cases: [(TestAuthority.Pair?, String)] = [
            (nil, "401 shop.test"), (Self.client, "200 "), (Self.foreign, "403 shop.test"), (Self.expired, "403 shop.test"), (Self.deep, "403 shop.test"),
        ]
        for (index, (pair, answer)) in cases.enumerated() { #expect(try Self.ask(proxy, pair, words: [version]) == answer, "case \(index)") }
        #expect(try Self.ask(proxy, Self.chained, words: [version]) == "200 ")
        // Three requests of one connection.
        #expect(try Self.ask(proxy, Self.client, words: [version] + Array(repeating: "https://127.0.0.1:\(proxy.port)/", count: 2)).hasPrefix("200"))
    }

    /// The certificate of the intermediate authority's client with that authority's own.
    ///
    /// Written once: the cases of a test run side by side, and one of them would read what another has just emptied.
    private static let chained = TestAuthority.Pair(certificate: chain.path, key: deep.key)
    private static let chain = try! TemporaryFile(TestSupport.contents(of: deep.certificate) + TestSupport.contents(of: intermediate.certificate))

    @Test("a client that comes back by its session is still who it was, its chain included", arguments: ["-tls1_2", "-tls1_3"])
    func resumption(version: String) throws {
        let proxy = try Self.proxy("mtlsAuthn() -> mtlsCN(\"deep\")", flags: ["-mtls-authn-ca", Self.authority.certificate, "-workers", "2"])
        let folder = try TemporaryFolder()
        func ask(_ words: [String]) throws -> String {
            try Command.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:\(proxy.port)", "-ign_eof", version, "-sess_out", "\(folder.path)/session"] + words,
                input: get("/", fields: "Connection: close\r\n")).output
        }
        let first = try ask(["-cert", Self.deep.certificate, "-key", Self.deep.key, "-cert_chain", Self.intermediate.certificate])
        #expect(first.contains("\nNew, TLSv1.") && first.contains("hello"), "\(first)")
        for _ in 0..<3 {
            let again = try ask(["-sess_in", "\(folder.path)/session"])
            #expect(again.contains("\nReused, TLSv1.") && again.contains("hello"), "\(again)")
        }
    }

    @Test("what a certificate must say", arguments: [
        ("mtlsCN(\"other\", \"client\")", 200), ("mtlsCN(\"Client\")", 403), ("mtlsIssuerDN(\"CN=test authority\")", 200), ("mtlsIssuerDN(\"test authority\")", 403),
        ("mtlsSanDNS(\"PAY.shop.test\")", 200), ("mtlsSanDNS(\"*.shop.test\")", 200), ("mtlsSanDNS(\"*.test\")", 403), ("mtlsSanDNS(\"shop.test\")", 403),
        ("mtlsSanDNS(\"a.wild.test\")", 403), ("mtlsSanDNS(\"client\")", 403), ("mtlsSanIP(\"10.1.2.3\")", 200), ("mtlsSanIP(\"2001:DB8:0::5\")", 200),
        ("mtlsSanIP(\"10.1.2.4\")", 403), ("mtlsSanCIDR(\"10.0.0.0/8\")", 200), ("mtlsSanCIDR(\"10.2.0.0/16\", \"2001:db8::/64\")", 200),
        ("mtlsSanCIDR(\"127.0.0.0/8\")", 403), ("mtlsSanURI(\"spiffe://cluster/ns/shop/sa/pay\")", 200), ("mtlsSanURI(\"spiffe://cluster/ns/*/sa/*\")", 200),
        ("mtlsSanURI(\"spiffe://cluster/ns/*\")", 403), ("mtlsSanURI(\"*\")", 403), ("mtlsCN(\"client\") -> mtlsSanIP(\"10.9.9.9\")", 403),
    ])
    func contents(filters: String, status: Int) throws {
        let proxy = try Self.proxy(filters)
        #expect(try Self.ask(proxy, Self.client) == (status == 200 ? "200 " : "403 shop.test"))
        #expect(try Self.ask(proxy, nil) == "401 shop.test")
    }

    @Test("wrong arguments cost the route", arguments: [
        "mtlsAuthn(\"x\")", "mtlsCN()", "mtlsCN(\"\")", "mtlsCN(1)", "mtlsSanIP(\"10.0.0.0/8\")", "mtlsSanIP(\"here\")", "mtlsSanCIDR(\"10.0.0.1\")", "mtlsSanCIDR(\"10.0.0.0/40\")", "mtlsSanURI()",
        "tlsPassClientCertificates(1)",
    ])
    func arguments(filters: String) throws {
        #expect(try Self.ask(try Self.proxy(filters), Self.client).hasPrefix("404"))
    }

    @Test("without TLS nobody has shown anything", arguments: ["mtlsAuthn()", "mtlsCN(\"client\")"]) func clear(filter: String) throws {
        let proxy = try FairwayProcess(routes: "all: * -> \(filter) -> inlineContent(\"hello\") -> <shunt>", flags: ["-tls-cert", "", "-tls-key", ""])
        let response = try RawClient(port: proxy.port, isEncrypted: false).exchange(get("/"))
        #expect(response.status == 401 && response.value("www-authenticate") == "a.test")
    }

    @Test("backends learn what was shown, and not what clients write there") func passing() throws {
        let origin = try LoopbackOrigin(answer: { ok($0.values("x-forwarded-tls-client-cert").joined(separator: "|")) })
        let proxy = try FairwayProcess(
            routes: "all: * -> tlsPassClientCertificates() -> \"\(origin.url)\"",
            flags: ["-tls-cert", Self.server.certificate, "-tls-key", Self.server.key, "-tls-client-auth", "RequestClientCert"])
        func seen(_ pair: TestAuthority.Pair?) throws -> String {
            let shown = pair.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
            return try Command.run(["curl", "-sS", "-k", "-H", "X-Forwarded-Tls-Client-Cert: mine"] + shown + ["https://127.0.0.1:\(proxy.port)/"]).output
        }
        func text(_ path: String) -> String { TestSupport.contents(of: path).split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined() }
        #expect(try seen(nil) == "")
        #expect(try seen(Self.client) == text(Self.client.certificate))
        #expect(try seen(Self.chained) == text(Self.deep.certificate) + "," + text(Self.intermediate.certificate))
    }

    @Test("another file of authorities is taken over; a bad one is reported and the former ones stay") func reload() throws {
        let folder = try TemporaryFolder()
        try folder.write(TestSupport.contents(of: Self.authority.certificate), to: "ca")
        let proxy = try Self.proxy("mtlsAuthn()", flags: ["-mtls-authn-ca", "\(folder.path)/ca"])
        #expect(try Self.ask(proxy, Self.deep).hasPrefix("403"))
        try folder.write("nothing", to: "ca")
        proxy.signal(1)
        try proxy.waitForLog("authorities of clients not replaced", "no certificate in PEM form")
        #expect(try Self.ask(proxy, Self.client).hasPrefix("200"))
        try folder.write(TestSupport.contents(of: Self.authority.certificate) + TestSupport.contents(of: Self.intermediate.certificate), to: "ca")
        proxy.signal(1)
        try Patience.wait(for: "the new authority") { try Self.ask(proxy, Self.deep).hasPrefix("200") }
    }

    @Test("the start fails with a file that cannot be used") func badStart() throws {
        for file in ["/nowhere/ca.pem", Self.client.key] {
            let (end, output) = try FairwayProcess.run(["-address", "127.0.0.1:0", "-support-listener", "", "-mtls-authn-ca", file])
            #expect(end != .exited(0) && output.contains("-mtls-authn-ca") && output.contains(file), "\(end): \(output)")
        }
    }

    @Test("a handshake that takes too long ends the connection") func slowHandshake() throws {
        let proxy = try Self.proxy("status(200)", flags: ["-tls-handshake-timeout-server", "2s"])
        let client = try RawClient(port: proxy.port, isEncrypted: false)
        try client.send([0x16, 3, 1])
        #expect(try client.readToEnd().isEmpty)
        // curl has two seconds as well.
        try Patience.wait(for: "an answer") { try Self.ask(proxy, nil) == "200 " }
    }
}
