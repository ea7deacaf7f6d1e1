import Synchronization
import TestSupport
import Testing

/// Clients of a TLS port that speak something else, or leave.
@Suite("What comes to a TLS port and is no handshake")
struct TLSAbuseTests {
    private static let authority = try! TestAuthority()
    private static let pair = try! authority.issue(["IP:127.0.0.1"])
    private let proxy: FairwayProcess

    init() throws {
        proxy = try FairwayProcess(
            routes: "all: * -> inlineContent(\"hello\") -> <shunt>;", flags: ["-tls-cert", Self.pair.certificate, "-tls-key", Self.pair.key])
    }

    private func isServing() throws -> Bool {
        try Command.run(["curl", "-sS", "--cacert", Self.authority.certificate, "https://127.0.0.1:\(proxy.port)/"]).output == "hello"
    }

    /// A socket to the port, whatever scheme the scenarios run over.
    private func client() throws -> RawClient { try RawClient(port: proxy.port, isEncrypted: false) }

    @Test("HTTP in the clear is told so, whatever its method", arguments: ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
    func plainHTTP(method: String) throws {
        let client = try client()
        let response = try client.exchange("\(method) / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == 400 && response.bodyText.contains("HTTPS") && response.hasToken("close", in: "Connection"))
        #expect(try client.endsCleanly())
        #expect(try isServing())
    }

    /// A ClientHello's first bytes.
    private static let hello: [UInt8] = [0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3] + [UInt8](repeating: 7, count: 32)

    @Test("bytes that are no handshake end the connection, and nothing else", arguments: [
        ("zeros", [UInt8](repeating: 0, count: 64)), ("noise", (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 43) }),
        ("a record longer than any", [0x16, 3, 1, 0xff, 0xff] + [UInt8](repeating: 1, count: 300)), ("an alert", [0x15, 3, 1, 0, 2, 2, 40]),
        ("data before the handshake", [0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]), ("a hello of nothing", [0x16, 3, 1, 0, 4, 1, 0, 0, 0]),
        ("a hello whose lengths lie", [0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3] + [UInt8](repeating: 7, count: 32) + [255, 1, 2, 3, 4, 5, 6]),
    ] as [(String, [UInt8])])
    func malformed(what: String, bytes: [UInt8]) throws {
        let client = try client()
        try client.send(bytes)
        client.finish()
        _ = try? client.readToEnd()
        #expect(try isServing(), "\(what)")
    }

    @Test("a client that leaves at any point of its handshake") func leaving() throws {
        for count in stride(from: 0, through: Self.hello.count, by: 7) {
            for isReset in [false, true] {
                let client = try client()
                try client.send(Array(Self.hello[..<count]))
                Patience.pause(milliseconds: 2)
                if isReset { client.reset() } else { client.finish() }
            }
        }
        #expect(try isServing())
    }

    /// A whole ClientHello, as openssl sends it.
    private static func wholeHello() throws -> [UInt8] {
        let said = Mutex<[UInt8]>([])
        let listener = try LoopbackOrigin(serve: { connection in
            let start = try connection.readExactly(5)
            let rest = try connection.readExactly(Int(start[3]) << 8 | Int(start[4]))
            said.withLock { $0 = start + rest }
        })
        _ = try Command.run(["openssl", "s_client", "-connect", "127.0.0.1:\(listener.port)"], input: "")
        return said.withLock { $0 }
    }

    @Test("a client that leaves when the server has answered its hello, and one that says nonsense then") func leavingLater() throws {
        let hello = try Self.wholeHello()
        try #require(hello.count > 100)
        for last in [[], [0x14, 3, 3, 0, 1, 1], [0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, 20] + [UInt8](repeating: 9, count: 20), [0x16, 3, 3, 0, 4, 20, 0, 0, 0]] {
            for isReset in [false, true] {
                let client = try client()
                try client.send(hello)
                _ = try client.readExactly(100)
                try client.send(last)
                if isReset { client.reset() } else { client.finish() }
                if !isReset { _ = try? client.readToEnd() }
            }
        }
        #expect(try isServing())
    }

    @Test("a hello that comes byte by byte is a hello") func slowly() throws {
        // openssl makes one; it stands still for the answer.
        let client = try client()
        for byte in Self.hello {
            try client.send([byte])
            Patience.pause(milliseconds: 1)
        }
        #expect(client.isQuiet(milliseconds: 50))
        #expect(try isServing())
    }

    @Test("a crowd that never finishes its handshake keeps nobody out") func crowd() throws {
        let before = proxy.privateMemory
        let crowd = try (0..<600).map { number in
            let client = try client()
            if number % 2 == 0 { try client.send(Self.hello) }
            return client
        }
        #expect(try isServing())
        #expect(proxy.privateMemory - before < 600 * 64, "KiB")
        #expect(crowd.count == 600)
    }

    @Test("TLS on a port in the clear is refused") func tlsOnPlainPort() throws {
        let plain = try FairwayProcess(routes: "all: * -> status(200) -> <shunt>", flags: ["-tls-cert", "", "-tls-key", ""])
        let client = try RawClient(port: plain.port, isEncrypted: false)
        try client.send(Self.hello)
        client.finish()
        #expect(String(decoding: try client.readToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
    }
}
