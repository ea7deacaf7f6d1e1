@testable import Filters
import Testing

@Suite("Patterns for names in certificates")
struct ClientCertificateMatchTests {
    @Test("a star in a URI stands for all but slashes", arguments: [
        ("spiffe://a/b", "spiffe://a/b", true), ("spiffe://a/b", "spiffe://a/*", true), ("spiffe://a/b/c", "spiffe://a/*", false), ("spiffe://a/b/c", "spiffe://*/b/c", true),
        ("spiffe://a/", "spiffe://a/*", true), ("aXbXc", "a*X*c", true), ("abcbcd", "*bcd", true), ("abcbc", "*bcd", false), ("", "*", true), ("", "", true), ("a", "", false),
        ("", "a", false), ("a/b", "*b", false), ("a/b", "a**/b", true), ("spiffe://A/b", "spiffe://a/b", false), ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*c", false),
    ])
    func uris(uri: String, pattern: String, fits: Bool) {
        #expect(ClientCertificateFilters.isURI(Array(uri.utf8)[...], like: Array(pattern.utf8)[...]) == fits)
    }

    @Test("a star in a DNS name stands for one label", arguments: [
        ("a.test", "a.test", true), ("a.test", "*.test", true), ("a.b.test", "*.test", false), (".test", "*.test", false), ("test", "*.test", false), ("*.test", "*.test", true), ("a.test", "*", false),
    ])
    func names(name: String, pattern: String, fits: Bool) { #expect(ClientCertificateFilters.isName(name, like: pattern) == fits) }
}
