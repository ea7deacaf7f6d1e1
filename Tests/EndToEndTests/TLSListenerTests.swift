import TestSupport
import Testing

/// A proxy that shows certificates, asked by openssl and curl.
@Suite("TLS to clients")
struct TLSListenerTests {
    private static let authority = try! TestAuthority()
    private static let otherAuthority = try! TestAuthority(name: "another")
    private static let a = try! authority.issue(["DNS:a.test", "IP:127.0.0.1"], commonName: "a")
    private static let wildcard = try! authority.issue(["DNS:*.b.test"], commonName: "b")
    private static let routes = "all: * -> inlineContent(\"hello\") -> <shunt>;"

    private static func proxy(_ pairs: [TestAuthority.Pair] = [a, wildcard], flags: [String] = []) throws -> FairwayProcess {
        let certificates = pairs.map(\.certificate).joined(separator: ",")
        let keys = pairs.map(\.key).joined(separator: ",")
        return try FairwayProcess(routes: routes, flags: ["-tls-cert", certificates, "-tls-key", keys] + flags)
    }

    /// A GET by openssl's client; what it and the server said.
    private static func ask(_ proxy: FairwayProcess, _ words: [String], request: String = get("/", fields: "Connection: close\r\n")) throws -> String {
        try Command.run(["openssl", "s_client", "-connect", "127.0.0.1:\(proxy.port)", "-CAfile", authority.certificate, "-ign_eof"] + words, input: request).output
    }

    @Test("the name asked for chooses the certificate", arguments: [
        ("a.test", "CN = a"), ("x.b.test", "CN = b"), ("B.B.TEST", "CN = b"), ("x.y.b.test", "CN = a"), ("unknown.test", "CN = a"), (nil, "CN = a"),
    ] as [(String?, String)])
    func names(name: String?, subject: String) throws {
        let proxy = try Self.proxy()
        let said = try Self.ask(proxy, name.map { ["-servername", $0] } ?? ["-noservername"])
        #expect(said.contains("subject=\(subject)\n") && said.contains("hello"), "\(said)")
    }

    @Test("curl verifies name and authority, and reads a large body") func curl() throws {
        let proxy = try FairwayProcess(
            routes: "r: * -> randomContent(3000000) -> <shunt>", flags: ["-tls-cert", Self.a.certificate, "-tls-key", Self.a.key])
        let answer = try Command.run([
            "curl", "-sS", "--cacert", Self.authority.certificate, "--resolve", "a.test:\(proxy.port):127.0.0.1", "-o", "/dev/null", "-o", "/dev/null", "-w",
            "%{http_code} %{size_download} %{ssl_verify_result}", "https://a.test:\(proxy.port)/", "https://127.0.0.1:\(proxy.port)/",
        ])
        #expect(answer.output == "200 3000000 0" + "200 3000000 0" && answer.status == 0, "\(answer)")
    }

    @Test("a dynamic backend without a scheme is asked in the client's", arguments: ["", "setDynamicBackendScheme(\"https\") -> ", "setDynamicBackendScheme(\"\") -> "])
    func dynamicScheme(filters: String) throws {
        let origin = try LoopbackOrigin(certificate: Self.a, serve: { connection in
            while let request = try connection.readRequest() { try connection.send(Setup.answer(request)) }
        })
        let proxy = try FairwayProcess(
            routes: "all: * -> \(filters)setDynamicBackendHost(\"127.0.0.1:\(origin.port)\") -> <dynamic>;",
            flags: ["-insecure", "-tls-cert", Self.a.certificate, "-tls-key", Self.a.key])
        let said = try Self.ask(proxy, [])
        #expect(said.contains("200 OK") && origin.requests.count == 1, "\(said)")
    }

    @Test("versions from the least allowed one on", arguments: [
        ("1.2", "-tls1_2", true), ("1.2", "-tls1_3", true), ("1.2", "-tls1_1", false), ("1.3", "-tls1_2", false), ("1.0", "-tls1_1", true), ("1.1", "-tls1", false),
    ])
    func versions(least: String, version: String, works: Bool) throws {
        let proxy = try Self.proxy(flags: ["-tls-min-version", least])
        let said = try Self.ask(proxy, [version, "-cipher", "DEFAULT:@SECLEVEL=0"])
        #expect(said.contains("hello") == works, "\(said)")
    }

    @Test("weak ciphers only as long as they are not excluded", arguments: [(false, "AES128-SHA", true), (true, "AES128-SHA", false), (true, "ECDHE-ECDSA-AES128-GCM-SHA256", true)])
    func ciphers(excludes: Bool, cipher: String, works: Bool) throws {
        let pair = try cipher.hasPrefix("ECDHE") ? Self.a : Self.authority.issue(["DNS:a.test"], kind: .rsa)
        let proxy = try Self.proxy([pair], flags: excludes ? ["-exclude-insecure-cipher-suites"] : [])
        let said = try Self.ask(proxy, ["-tls1_2", "-cipher", cipher])
        #expect(said.contains("hello") == works, "\(said)")
    }

    @Test("a protocol both speak is agreed on; one that is not spoken here is refused", arguments: [
        ("http/1.1", "ALPN protocol: http/1.1", true), ("spdy/1,http/1.1", "ALPN protocol: http/1.1", true), ("spdy/1", "no application protocol", false),
    ])
    func protocols(offered: String, expected: String, works: Bool) throws {
        let proxy = try Self.proxy()
        let said = try Self.ask(proxy, ["-alpn", offered])
        #expect(said.contains(expected) && said.contains("hello") == works, "\(said)")
    }

    @Test("certificates of clients, in five modes", arguments: [
        ("NoClientCert", [true, true, true]), ("RequestClientCert", [true, true, true]), ("RequireAnyClientCert", [false, true, true]),
        ("VerifyClientCertIfGiven", [true, false, true]), ("RequireAndVerifyClientCert", [false, false, true]),
    ])
    func clientCertificates(mode: String, works: [Bool]) throws {
        let proxy = try Self.proxy(flags: ["-tls-client-auth", mode, "-tls-client-ca", Self.authority.certificate])
        let foreign = try Self.otherAuthority.issue(["DNS:client.test"])
        let own = try Self.authority.issue(["DNS:client.test"])
        let shown = [nil, foreign, own].map { pair in pair.map { ["-cert", $0.certificate, "-key", $0.key] } ?? [] }
        for (words, works) in zip(shown, works) {
            for version in ["-tls1_2", "-tls1_3"] { #expect(try Self.ask(proxy, words + [version]).contains("hello") == works, "\(version) \(words)") }
        }
        #expect(try Self.ask(proxy, shown[2]).contains("hello"))
        if works.contains(false) { try proxy.waitForLog("TLS handshake failed") }
    }

    @Test("sessions are resumed, whichever worker gave them", arguments: ["-tls1_2", "-tls1_3"])
    func resumption(version: String) throws {
        let proxy = try Self.proxy(flags: ["-workers", "3"])
        let folder = try TemporaryFolder()
        #expect(try Self.ask(proxy, [version, "-sess_out", "\(folder.path)/session"]).contains("\nNew, TLSv1."))
        // Enough connections at once that no single worker takes them all.
        let held = try (0..<60).map { _ in try RawClient(port: proxy.port) }
        for _ in 0..<6 {
            let said = try Self.ask(proxy, [version, "-sess_in", "\(folder.path)/session"])
            // TLS 1.3 clients use a ticket once and need another.
            #expect(said.contains("\nReused, TLSv1.") && said.contains("New Session Ticket arrived") == (version == "-tls1_3"))
        }
        #expect(held.count == 60)
    }

    @Test("a client cannot ask for another handshake, nor send early data") func renegotiation() throws {
        let proxy = try Self.proxy()
        // The line R makes this client ask for one, as long as its input lasts.
        let folder = try TemporaryFolder()
        let out = "\(folder.path)/out"
        let input = "echo R; n=0; until grep -q 'no renegotiation' \(out) || [ $n -gt 200 ]; do n=$((n+1)); sleep 0.1; done"
        _ = try Command.run(["sh", "-c", "touch \(out); (\(input)) | openssl s_client -tls1_2 -connect 127.0.0.1:\(proxy.port) > \(out) 2>&1"])
        let said = contents(of: out)
        #expect(said.contains("RENEGOTIATING") && said.contains("no renegotiation"), "\(said)")
        #expect(try Self.ask(proxy, ["-tls1_3"]).contains("Max Early Data: 0"))
    }

    @Test("keys are logged where the flag says, for its owner only") func keyLog() throws {
        let folder = try TemporaryFolder()
        let proxy = try Self.proxy(flags: ["-tls-key-log-file", "\(folder.path)/keys"])
        #expect(try Self.ask(proxy, []).contains("hello"))
        #expect(contents(of: "\(folder.path)/keys").contains("CLIENT_TRAFFIC_SECRET_0 "))
        #expect(try Command.run(["stat", "-c", "%a", "\(folder.path)/keys"]).output == "600\n")
        #expect(proxy.log.contains("session keys are written to"))
    }

    @Test("an OCSP response is stapled") func stapling() throws {
        let folder = try TemporaryFolder()
        // Clients that do not verify it show what they got.
        try folder.write("not a response", to: "status")
        let proxy = try Self.proxy([Self.a], flags: ["-tls-ocsp", "\(folder.path)/status"])
        let said = try Self.ask(proxy, ["-status"])
        #expect(!said.contains("no response sent") && said.contains("OCSP"), "\(said)")
        #expect(try Self.ask(try Self.proxy([Self.a]), ["-status"]).contains("no response sent"))
    }

    @Test("of two kinds of keys each has its own OCSP response", arguments: [("ECDSA", "first"), ("RSA", "second")]) func stapledKinds(kind: String, word: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("first", to: "ecdsa")
        try folder.write("second", to: "rsa")
        let pairs = try [Self.a, Self.authority.issue(["DNS:a.test", "IP:127.0.0.1"], kind: .rsa)]
        let proxy = try Self.proxy(pairs, flags: ["-tls-ocsp", "\(folder.path)/ecdsa,\(folder.path)/rsa"])
        let said = try Self.ask(proxy, ["-tls1_2", "-status", "-msg", "-cipher", "ECDHE-\(kind)-AES128-GCM-SHA256"])
        let bytes = word.utf8.map { "\($0 < 16 ? "0" : "")\(String($0, radix: 16))" }.joined(separator: " ")
        // Clients say more of what they can parse only.
        #expect(said.contains(bytes), "\(said)")
    }

    // MARK: Files

    @Test("changed files are taken over; a bad pair is reported and the former one stays") func reload() throws {
        let folder = try TemporaryFolder()
        func publish(_ pair: TestAuthority.Pair, key: TestAuthority.Pair) throws {
            try folder.write(contents(of: pair.certificate), to: "cert")
            try folder.write(contents(of: key.key), to: "key")
        }
        try publish(Self.a, key: Self.a)
        let proxy = try FairwayProcess(routes: Self.routes, flags: ["-tls-cert", "\(folder.path)/cert", "-tls-key", "\(folder.path)/key"])
        let held = try Self.ask(proxy, [])
        #expect(held.contains("subject=CN = a\n"))
        try publish(Self.wildcard, key: Self.a)
        proxy.signal(1)
        try Patience.wait(for: "the report") { proxy.log.contains("the former ones stay") }
        #expect(proxy.log.contains("the key is not that of the certificate"))
        #expect(try Self.ask(proxy, []).contains("subject=CN = a\n"))
        try publish(Self.wildcard, key: Self.wildcard)
        proxy.signal(1)
        try Patience.wait(for: "the new certificate") { try Self.ask(proxy, []).contains("subject=CN = b\n") }
    }

    @Test("the start fails with files that cannot be used, and says which", arguments: [
        (["-tls-cert", "/nowhere/a.pem", "-tls-key", "/nowhere/a.key"], "/nowhere/a.pem: No such file or directory"),
        (["-tls-cert", Self.a.certificate, "-tls-key", Self.wildcard.key], "the key is not that of the certificate"),
        (["-tls-cert", Self.a.certificate, "-tls-key", Self.a.key, "-tls-client-auth", "RequireAndVerifyClientCert", "-tls-client-ca", Self.a.key], "no certificate in PEM form"),
        (["-tls-cert", Self.a.certificate], "1 certificates but 0 keys"),
    ])
    func badStart(flags: [String], reason: String) throws {
        let (end, output) = try FairwayProcess.run(["-address", "127.0.0.1:0", "-support-listener", ""] + flags)
        #expect(end != .exited(0) && output.contains(reason), "\(end): \(output)")
    }

    @Test("beside TLS, a listener in the clear") func insecureAddress() throws {
        let port = try FreePorts.next()
        let proxy = try Self.proxy(flags: ["-insecure-address", "127.0.0.1:\(port)"])
        #expect(try Self.ask(proxy, []).contains("hello"))
        #expect(try Command.run(["curl", "-sS", "http://127.0.0.1:\(port)/"]).output == "hello")
    }
}
