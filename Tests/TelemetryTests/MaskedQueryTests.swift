import Bytes
import Telemetry
import Testing

@Suite("Masked queries")
struct MaskedQueryTests {
    /// What stands for the value `secret`.
    static let hash = "\(XXHash64.hash("secret"))"

    static func mask(_ uri: String) -> String? {
        uri.withBytes { MaskedQuery.mask($0, parameters: [Array("t".utf8), Array("token".utf8)]) }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("hides values and orders parameters", arguments: [
        ("/a?t=secret", "/a?t=#"), ("/a?z=1&t=secret&b=2", "/a?b=2&t=#&z=1"), ("/a?t=secret&t=other&u", "/a?t=#&u="), ("/a?%74=secret", "/a?t=#"),
        ("/a?t=%73ecret", "/a?t=#"), ("/a?t=secret&q=a+b%26&q=2", "/a?q=a+b%26&q=2&t=#"), ("/a?&&t=secret&", "/a?t=#"), ("/a?token=secret&t=secret", "/a?t=#&token=#"),
        ("/a?x=%20b&b", "/a?b=&x=+b"),
    ])
    func hides(uri: String, expected: String) {
        let parts = expected.split(separator: "#", omittingEmptySubsequences: false)
        #expect(Self.mask(uri) == parts.joined(separator: Self.hash))
    }

    @Test("leaves out what cannot be read", arguments: [
        ("/a?t=%zz", "/a"), ("/a?t=a;b&x=1", "/a?x=1"), ("/a?x=%zz", "/a"), ("/a?%7=1&x=2", "/a?x=2"), ("/a?t=%4", "/a"),
    ])
    func leavesOut(uri: String, expected: String) {
        #expect(Self.mask(uri) == expected)
    }

    @Test("leaves alone what has no query", arguments: ["/a", "/a?", "/t=secret", ""])
    func untouched(uri: String) {
        #expect(Self.mask(uri) == nil)
    }

    @Test func onlyTheFirstMarkBeginsTheQuery() {
        #expect(Self.mask("/a?t=secret?t=2") == "/a?t=\(XXHash64.hash("secret?t=2"))")
    }
}
