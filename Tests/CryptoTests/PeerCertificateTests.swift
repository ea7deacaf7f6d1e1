import Bytes
@testable import Crypto
import TestSupport
import Testing

@Suite("What certificates say")
struct PeerCertificateTests {
    /// The certificate openssl makes with this subject, which is its issuer too.
    private func certificate(_ subject: String, extensions: [String] = []) throws -> PeerCertificates? {
        let folder = try TemporaryFolder()
        let added = extensions.flatMap { ["-addext", $0] }
        let made = try Command.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-outform", "DER", "-out", "certificate", "-utf8", "-subj", subject]
                + added, in: folder.path)
        try #require(made.status == 0, "\(made.output)")
        return PeerCertificates(encoded: bytes(of: "\(folder.path)/certificate"))
    }

    @Test("names as RFC 2253 writes them, in both orders", arguments: [
        ("/CN=plain", ["CN=plain", "CN=plain"]),
        ("/C=DE/ST=BE/L=Berlin/O=A, Inc/OU=x/CN=y", ["CN=y,OU=x,O=A\\, Inc,L=Berlin,ST=BE,C=DE", "CN=y,ST=BE,L=Berlin,OU=x,O=A\\, Inc,C=DE"]),
        ("/O=a/O=b/CN=#z ", ["CN=\\#z\\ ,O=b,O=a", "CN=\\#z\\ ,O=a+O=b"]),
        ("/CN=ü+serialNumber=7", ["SERIALNUMBER=7+CN=ü", "SERIALNUMBER=7,CN=ü"]),
    ])
    func names(subject: String, texts: [String]) throws {
        #expect(try certificate(subject)?.issuerNames == texts)
    }

    @Test("alternative names by kind") func alternatives() throws {
        let one = try #require(try certificate("/CN=a/CN=b", extensions: ["subjectAltName=DNS:A.test,DNS:*.b.test,IP:10.0.0.1,IP:::1,URI:urn:x,email:a@b.test"]))
        #expect(one.commonName == "b" && one.dnsNames == ["a.test", "*.b.test"] && one.uris == ["urn:x"])
        #expect(one.addresses == [IPAddress("10.0.0.1"), .loopbackV6])
        let bare = try #require(try certificate("/O=nobody"))
        #expect(bare.commonName.isEmpty && bare.dnsNames.isEmpty && bare.uris.isEmpty && bare.addresses.isEmpty)
    }

    @Test("bytes that are no certificate", arguments: [[], [0x30], [0x30, 0x03, 1, 2, 3], [UInt8](repeating: 0xFF, count: 300)])
    func garbage(bytes: [UInt8]) { #expect(PeerCertificates(encoded: bytes) == nil) }
}
