import Bytes
import HTTP
import Testing

@Suite("Origins of backend URLs, eskip.md §5")
struct OriginTests {
    struct Reading: Sendable, CustomTestStringConvertible {
        let url: String, scheme: Origin.Scheme, host: String, port: UInt16, authority: String
        var testDescription: String { url }
        init(_ url: String, _ scheme: Origin.Scheme, _ host: String, _ port: UInt16, _ authority: String) {
            (self.url, self.scheme, self.host, self.port, self.authority) = (url, scheme, host, port, authority)
        }
    }

    @Test("takes scheme, host and port", arguments: [
        Reading("http://example.org", .http, "example.org", 80, "example.org"),
        Reading("https://example.org", .https, "example.org", 443, "example.org"),
        Reading("h2c://10.0.0.1", .h2c, "10.0.0.1", 80, "10.0.0.1"),
        Reading("fastcgi://php:9000", .fastcgi, "php", 9000, "php:9000"),
        Reading("HTTP://Example.ORG:8080", .http, "example.org", 8080, "example.org:8080"),
        Reading("http://example.org:80", .http, "example.org", 80, "example.org:80"),
        Reading("https://example.org:80", .https, "example.org", 80, "example.org:80"),
        Reading("http://example.org:", .http, "example.org", 80, "example.org"),
        Reading("http://[2001:DB8::1]:81", .http, "2001:db8::1", 81, "[2001:db8::1]:81"),
        Reading("https://[::1]", .https, "::1", 443, "[::1]"),
        Reading("http://my_service.ns.svc.cluster.local:65535", .http, "my_service.ns.svc.cluster.local", 65535, "my_service.ns.svc.cluster.local:65535"),
        Reading("http://example.org/path?query#part", .http, "example.org", 80, "example.org"),
        Reading("http://example.org?a=b", .http, "example.org", 80, "example.org"),
        Reading("http://example.org#a@b", .http, "example.org", 80, "example.org"),
        Reading("http://user:secret@example.org:81/x", .http, "example.org", 81, "example.org:81"),
        Reading("http://a@b@example.org", .http, "example.org", 80, "example.org"),
    ])
    func parts(_ reading: Reading) throws {
        let origin = try Origin.parse(reading.url)
        #expect(origin.scheme == reading.scheme)
        #expect(String(decoding: origin.host, as: UTF8.self) == reading.host)
        #expect(origin.port == reading.port)
        #expect(String(decoding: origin.authority, as: UTF8.self) == reading.authority)
        #expect(origin.description == "\(reading.scheme)://\(reading.authority)")
    }

    @Test("refuses what names no origin", arguments: [
        ("", OriginError.missingScheme), ("example.org", .missingScheme), ("/path", .missingScheme), ("//example.org", .missingScheme),
        ("://example.org", .missingScheme), ("example.org:80", .missingScheme), ("example.org:80/x", .missingScheme),
        ("ht tp://example.org", .missingScheme), ("ftp://example.org", .unsupportedScheme), ("http:example.org", .missingHost),
        ("http:/example.org", .missingHost), ("http:", .missingHost), ("http://", .missingHost), ("http:///path", .missingHost),
        ("http://:80", .missingHost), ("http://user@", .missingHost), ("http://[]", .missingHost),
        ("http://example.org:0", .malformedPort), ("http://example.org:65536", .malformedPort), ("http://example.org:8o", .malformedPort),
        ("http://example.org:-1", .malformedPort), ("http://a:b:80", .malformedPort), ("http://[::1]x", .malformedPort),
        ("http://[::1", .malformedHost), ("http://::1", .malformedHost), ("http://[10.0.0.1]", .malformedHost),
        ("http://[fe80::1%25eth0]", .malformedHost), ("http://[:::1]", .malformedHost), ("http://exa mple.org", .malformedHost),
        ("http://ex%61mple.org", .malformedHost), ("http://exämple.org", .malformedHost), ("http://a\r\nb", .malformedHost),
        ("http://a\u{0}b", .malformedHost), ("http://a\\b", .malformedHost),
    ])
    func refused(url: String, error: OriginError) {
        #expect(throws: error) { try Origin.parse(url) }
    }

    @Test("limits the host's length")
    func longHost() throws {
        let host = String(repeating: "a", count: Origin.hostBytesMax)
        #expect(try Origin.parse("http://\(host):80").host.count == Origin.hostBytesMax)
        #expect(throws: OriginError.hostTooLong) { try Origin.parse("http://a\(host)") }
    }

    @Test("says what is allowed", arguments: [OriginError.missingScheme, .unsupportedScheme, .missingHost, .malformedHost, .malformedPort, .hostTooLong])
    func reasons(error: OriginError) {
        #expect(!error.reason.isEmpty)
    }

    @Test("knows addresses from names", arguments: [
        ("http://10.0.0.1:80", "10.0.0.1"), ("http://[2001:db8::1]", "2001:db8::1"), ("http://[::ffff:10.0.0.1]", "10.0.0.1"),
        ("http://10.0.0.256", nil), ("http://example.org", nil), ("http://1.2.3", nil),
    ])
    func address(url: String, text: String?) throws {
        #expect(try Origin.parse(url).address == text.flatMap { IPAddress($0) })
    }

    @Test("names the server with its port", arguments: [
        ("https://example.org", "example.org:443"), ("http://[::1]", "[::1]:80"), ("http://a:81", "a:81"),
    ])
    func hostAndPort(url: String, text: String) throws {
        #expect(try Origin.parse(url).hostAndPort == text)
    }

    @Test("takes scheme and authority apart from requests")
    func parts() throws {
        let text = "HTTPS://user@Example.org:8443/x"
        try Array(text.utf8).withUnsafeBytes { bytes in
            let parts = try Origin.split(bytes)
            #expect(parts.scheme == .https)
            #expect(parts.schemeBytes.text == "HTTPS")
            #expect(parts.authority.text == "Example.org:8443")
            #expect(try Origin.make(scheme: .https, authority: parts.authority) === Origin.parse(text))
        }
    }
}

@Suite("One object per origin")
struct OriginInterningTests {
    @Test("gives one object to all who hold it")
    func sameObject() throws {
        let first = try Origin.parse("http://same.test:8080/a")
        #expect(try Origin.parse("HTTP://SAME.test:8080/b") === first)
        #expect(Origin.intern(scheme: .http, host: first.host, port: 8080, authority: first.authority) === first)
    }

    @Test("keeps apart what differs on the wire", arguments: ["https://apart.test", "h2c://apart.test", "http://apart.test:80", "http://apart.test:81"])
    func different(url: String) throws {
        let plain = try Origin.parse("http://apart.test")
        let other = try Origin.parse(url)
        #expect(other !== plain)
        #expect(other.id != plain.id)
    }

    @Test("gives numbers back")
    func numbersAreReused() throws {
        // Other tests take numbers meanwhile, so only their total can be judged.
        for round in 0..<30_000 { _ = try Origin.parse("http://n\(round).test") }
        #expect(try Origin.parse("http://after.test").id < 20_000)
    }

    @Test("survives origins that die while they are asked for again")
    func race() async {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<1_000).allSatisfy { round in
                        guard let first = try? Origin.parse("http://race\(round % 3).test") else { return false }
                        return (try? Origin.parse("http://race\(round % 3).test")) === first
                    }
                }
            }
            for await isOne in group { #expect(isOne) }
        }
        #expect(throws: Never.self) { try Origin.parse("http://race0.test") }
    }
}
