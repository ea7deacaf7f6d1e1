import Bytes
import COpenSSL
import TestSupport
import Testing
@testable import TLS

/// What a file holds.
func bytes(_ path: String) -> [UInt8] { Array(contents(of: path).utf8) }

func source(_ pair: TestAuthority.Pair, name: String = "test") -> CertificateSource {
    CertificateSource(name: name, certificate: bytes(pair.certificate), key: bytes(pair.key))
}

@Suite("Certificates of a listener")
struct CertificateTests {
    private static let authority = try! TestAuthority()
    private static let a = try! authority.issue(["DNS:a.test", "DNS:www.a.test"], commonName: "ignored.test")
    private static let wildcard = try! authority.issue(["DNS:*.b.test"])
    private static let commonName = try! authority.issue([], commonName: "old.test")

    private func context(_ pairs: [TestAuthority.Pair]) throws -> TLSServerContext {
        try TLSServerContext(pairs.map { source($0) }, options: TLSServerOptions(), tickets: TicketKeys())
    }

    @Test("a name finds its certificate: exact before wildcard, which stands for one label", arguments: [
        ("a.test", 0), ("WWW.A.test", 0), ("a.test.", 0), ("x.b.test", 1), ("b.test", nil), ("x.y.b.test", nil), ("ignored.test", nil), ("old.test", 2),
        (".b.test", nil), ("", nil), ("*.b.test", 1), ("c.test", nil),
    ] as [(String, Int?)])
    func names(name: String, index: Int?) throws {
        let context = try context([Self.a, Self.wildcard, Self.commonName])
        let expected = try index.map { try #require(context.find(["a.test", "x.b.test", "old.test"][$0])) }
        #expect(context.find(name) == expected)
        #expect(Set(["a.test", "x.b.test", "old.test"].map { context.find($0) }).count == 3)
    }

    @Test("the first of two for one name counts; an exact name before a wildcard of an earlier one") func order() throws {
        let exact = try Self.authority.issue(["DNS:x.b.test"])
        let context = try context([Self.wildcard, exact, Self.a, Self.a])
        #expect(context.find("x.b.test") != context.find("y.b.test"))
        #expect(context.find("a.test") != nil)
    }

    @Test("keys of two kinds for the same names serve as one") func kinds() throws {
        let rsa = try Self.authority.issue(["DNS:a.test", "DNS:www.a.test"], kind: .rsa)
        let context = try context([Self.a, rsa])
        #expect(context.find("a.test") != nil && context.find("a.test") == context.find("www.a.test"))
    }

    @Test("what cannot be used is refused with its name and the reason", arguments: [
        ("", "key", "no certificate in PEM form"), ("certificate", "", "no key in PEM form"), ("key", "key", "no certificate in PEM form"),
        ("certificate", "other", "the key is not that of the certificate"), ("garbage", "key", "no certificate in PEM form"), ("certificate", "locked", "without a passphrase"),
    ])
    func refusals(certificate: String, key: String, reason: String) throws {
        let folder = try TemporaryFolder()
        let locked = try Command.run(["openssl", "ec", "-in", Self.a.key, "-aes128", "-passout", "pass:secret", "-out", "\(folder.path)/locked"])
        #expect(locked.status == 0)
        func content(_ what: String) -> [UInt8] {
            switch what {
            case "certificate": bytes(Self.a.certificate)
            case "key": bytes(Self.a.key)
            case "other": bytes(Self.wildcard.key)
            case "locked": bytes("\(folder.path)/locked")
            case "garbage": Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
            default: []
            }
        }
        let source = CertificateSource(name: "a.pem", certificate: content(certificate), key: content(key))
        let error = #expect(throws: CertificateError.self) { try TLSServerContext([source], options: TLSServerOptions(), tickets: TicketKeys()) }
        #expect(error?.description.hasPrefix("a.pem: ") == true && error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test("authorities must be certificates") func authorities() throws {
        var options = TLSServerOptions()
        options.clientAuthentication = .requireAndVerify
        options.clientAuthorities = Array("nothing".utf8)
        #expect(throws: CertificateError.self) { try TLSServerContext([source(Self.a)], options: options, tickets: TicketKeys()) }
        options.clientAuthorities = bytes(Self.authority.certificate)
        #expect(throws: Never.self) { try TLSServerContext([source(Self.a)], options: options, tickets: TicketKeys()) }
    }
}

@Suite("Lists of protocols")
struct ALPNTests {
    @Test("a name is found behind its length only", arguments: [
        ([2, 0x68, 0x32], 1), ([8, 0x68, 0x74, 0x74, 0x70, 0x2f, 0x31, 0x2e, 0x31, 2, 0x68, 0x32], 10), ([3, 0x68, 0x32, 0x63], nil), ([0, 2, 0x68, 0x32], 2), ([2, 0x68], nil), ([], nil), ([255], nil),
    ] as [([UInt8], Int?)])
    func find(list: [UInt8], place: Int?) {
        #expect(list.withUnsafeBytes { ALPN.find(BorrowedBytes("h2"), in: $0) } == place)
    }
}

@Suite("Keys of tickets")
struct TicketKeyTests {
    private let hour: UInt64 = 3600 * 1_000_000_000

    private func name(_ key: TicketKeys.Key) -> [UInt8] { (0..<16).map { key.name[$0] } }

    @Test("a key serves until its time is up, and opens tickets until those have ended") func rotation() throws {
        let keys = TicketKeys(rotation: 8 * hour)
        let first = name(try #require(keys.current(now: 0)))
        #expect(name(try #require(keys.current(now: 8 * hour - 1))) == first)
        let second = name(try #require(keys.current(now: 8 * hour)))
        #expect(second != first)
        #expect(keys.find(first)?.isNewest == false && keys.find(second)?.isNewest == true)
        for turn in 2...4 { _ = keys.current(now: UInt64(turn) * 8 * hour) }
        // A ticket of the first key's last moment has ended 24 hours later.
        #expect(keys.find(first) == nil && keys.find(second)?.isNewest == false)
    }

    @Test("a ticket under a former key resumes its session; one under a stranger's does not", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func resumption(version: Int32) throws {
        let keys = TicketKeys(rotation: hour)
        func session(_ keys: TicketKeys, from former: TLSSession?) throws -> (session: TLSSession?, isResumed: Bool) {
            let pair = try Pair(maxVersion: version, tickets: keys, session: former)
            // With its first bytes the server gives what it withheld.
            #expect(pair.fill([1]) == 1)
            try Patience.wait(for: "a byte") { pair.clientReads().bytes == [1] }
            let isResumed = pair.server.isResumed
            #expect(pair.client.isResumed == isResumed)
            return (pair.client.takeSession(), isResumed)
        }
        let first = try session(keys, from: nil)
        try #require(first.session != nil)
        let former = name(try #require(keys.current(now: 0)))
        #expect(name(try #require(keys.current(now: 1 << 62))) != former)
        #expect(try !first.isResumed && session(keys, from: first.session).isResumed)
        #expect(try !session(TicketKeys(), from: first.session).isResumed)
    }

    @Test("a name nobody gave is not known") func unknown() {
        let keys = TicketKeys()
        _ = keys.current(now: 0)
        #expect(keys.find([UInt8](repeating: 0, count: 16)) == nil)
    }
}
