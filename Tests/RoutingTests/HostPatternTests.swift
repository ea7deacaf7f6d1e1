import Bytes
import Regexp
import Testing

@testable import Routing

@Suite("Host regexps that stand for literals")
struct HostPatternTests {
    private func read(_ pattern: String) -> [HostLiteral]? { pattern.withBytes { HostPatternReader.read($0) } }

    private func summary(_ pattern: String) -> [String]? {
        read(pattern)?.map { literal in
            let star = literal.wildcard.map { $0.minimum == 1 ? "+" : "*" } ?? ""
            return "\(star)\(String(decoding: literal.text, as: UTF8.self)) \(literal.forms.rawValue)"
        }
    }

    @Test("usual forms", arguments: [
        ("^a[.]example[.]org$", ["a.example.org 1"]), ("^(a[.]example[.]org)$", ["a.example.org 1"]), ("^a\\.example\\.org$", ["a.example.org 1"]),
        ("^(a[.]example[.]org[.]?(:[0-9]+)?)$", ["a.example.org 15"]), ("^(a[.]b[.]?(:[0-9]+)?|c[.]d[.]?(:[0-9]+)?)$", ["a.b 15", "c.d 15"]),
        ("^(?:a|b)(:\\d+)?$", ["a 5", "b 5"]), ("^a(:8080)?$", ["a 1", "a:8080 1"]), ("^a[.]?$", ["a 3"]), ("^a[.]$", ["a. 1"]), ("^$", [" 1"]),
        ("^a:[0-9]+$", ["a 4"]), ("^a[.]:[0-9]+$", ["a. 4"]), ("^(a)?$", [" 1", "a 1"]), ("^a[.]?[.]?$", ["a 3", "a.. 1"]), ("^(a|a[.])$", ["a 3"]),
        ("^[^.]+[.]example[.]org$", ["+.example.org 1"]), ("^.*[.]x$", ["*.x 1"]), ("^([a-z0-9-]+[.]x[.]?(:[0-9]+)?)$", ["+.x 15"]),
        ("^(.*[.])?x$", ["*.x 1", "x 1"]), ("^x-y_z$", ["x-y_z 1"]), ("^(|a)$", [" 1", "a 1"]),
    ])
    func usual(pattern: String, expected: [String]) {
        #expect(summary(pattern).map { $0.sorted() } == expected.sorted())
    }

    @Test("left to the regexp", arguments: [
        "a", "^a", "a$", "^a|b$", "(?i)^a$", "^(?i)a$", "^a.b$", "^a{2}$", "^(a)+$", "^a([^.]+)$", "^a[.]b[^.]+$", "^[ab]c$", "^\\w+$", "^a\\b$", "^[[:alpha:]]$",
        "^(a$|b)$", "^a??$", "^[^.]+?[.]x$", "^(a", "^a)$", "^a$$", "^^a$", "^\u{e9}$", "^a(:[0-9]+)?b$", "^(:[0-9]+)?a$", "^\\x61$", "^\\Qa\\E$", "^a:[0-9]*$", "^a[0-9]+$",
        "^[]a]$", "^[a-z]$", "^a[\\d]$", "", "^", "$", "^.$", "^()*$",
    ])
    func others(pattern: String) { #expect(read(pattern) == nil) }

    @Test("means what the regexp means", arguments: [
        "^a[.]b$", "^(a[.]b[.]?(:[0-9]+)?)$", "^(a[.]b|c)$", "^(a[.]b[.]?(:[0-9]+)?|c[.]?(:[0-9]+)?)$", "^a[.]?[.]?$", "^a(:80)?$", "^[^.]+[.]b$", "^.+[.]b[.]?(:[0-9]+)?$",
        "^([a-z]*[.])?b(:[0-9]+)?$", "^(.*[.])?a[.]b$", "^.*$", "^.+(:[0-9]+)?$", "^a:[0-9]+$", "^a[.]:\\d+$", "^(:[0-9]+)?$", "^[^.]*[.]b[.]$", "^[a-z:.0-9]+[.]b(:[0-9]+)?$", "^$", "^a?b?$",
        "^[-a]+[.]b$", "^[a-]+[.]b$", "^(a|b|ab)(|c)[.]?$", "^a+$", "^a*$",
    ])
    func equality(pattern: String) throws {
        let literals = try #require(read(pattern))
        let regexp = try CompiledRegexp(pattern)
        for host in Self.hosts {
            let found = host.withBytes { host in literals.contains { $0.matches(host) } }
            #expect(found == regexp.matches(host), "\(pattern) on \"\(host)\"")
        }
    }

    @Test("what hosts of other regexps end in", arguments: [
        ("^a[0-9]+[.]b$", [".b"]), ("^api-v[0-9]+[.]shop[.]example[.]org$", [".shop.example.org"]), ("[.]a[.]b$", [".a.b"]), ("a[.]b$", [".b"]),
        ("^(x+[.]a|y*[.]b)[.]c[.]?(:[0-9]+)?$", [".a.c", ".b.c"]), ("^a+[.]b$|^c+[.]d$", [".b", ".d"]), ("^\\w+[.]b(:\\d+)?$", [".b"]),
        ("^a{2}[.]b$", [".b"]), ("^[[]?a[.]b$", nil), ("^(a+)?[.]b[.]$", [".b"]), ("^a.?[.]b:80$", [".b:80"]), ("^a+[.]b(c|d)?$", [".b", ".bc", ".bd"]),
    ] as [(String, [String]?)])
    func endings(pattern: String, expected: [String]?) {
        #expect(pattern.withBytes { HostEndingReader.read($0) }?.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test("no ending for certain", arguments: [
        "a", "^a[.]b", "^a+[.]b$|c", "(?i)^a+[.]b$", "^a+$", "^[.]b+$", "^(a$|b)[.]c$", "^a+[.]b\\b$", "^a+[.]b(:[0-9]+)?c$", "^a+[.]b{,2}$", "^[[:alpha:]]+[.]b$", "^a+[.]b*$",
        "^a+[.]\\x62$", "^a++$", "^(a+[.]b$", "^a+[.]b)$", "", "$", "^\\Qa.b\\E$", "^a+[.]b$$", "^a+[.]b??+$",
    ])
    func noEnding(pattern: String) { #expect(pattern.withBytes { HostEndingReader.read($0) } == nil) }

    @Test("every host that matches has one of the endings", arguments: 0..<4)
    func endingsHold(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var understood = 0
        for _ in 0..<400 {
            let pattern = Self.randomPattern(&random)
            guard let ends = pattern.withBytes({ HostEndingReader.read($0) }), let regexp = try? CompiledRegexp(pattern) else { continue }
            understood += 1
            for host in Self.hosts where host.utf8.count != 5 && regexp.matches(host) {
                let isFound = host.withBytes { host in
                    HostBases(host).contains { base, _ in ends.contains { end in HostLiteral(wildcard: .anything, text: end, forms: .plain).matches(base) } }
                }
                #expect(isFound, "seed \(seed): \(pattern) on \"\(host)\", endings \(ends.map { String(decoding: $0, as: UTF8.self) })")
            }
        }
        #expect(understood > 30)
    }

    private static func randomPattern(_ random: inout SplitMix) -> String {
        let parts = ["a", "b", "[.]", "\\.", ".", "[ab]", "[^.]", "+", "*", "?", "(", ")", "|", "$", "^", "(?:", "[0-9]", "\\d", ":", "8", "{2}", "(:[0-9]+)?", "[.]?"]
        let middle = (0..<Int.random(in: 1...7, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
        return ["", "^", "^(", "^a+"].randomElement(using: &random)! + middle + ["[.]b$", "[.]a[.]?(:[0-9]+)?$", "$", ")$", "[.]b[.]a:\\d+$"].randomElement(using: &random)!
    }

    /// All short words over the characters that matter.
    private static let hosts: [String] = {
        var words = [""]
        var last = [""]
        for _ in 0..<5 {
            last = last.flatMap { word in ["a", "b", ".", ":", "8"].map { word + $0 } }
            words += last
        }
        return words + ["a.b:8080", "a.b.:8080", "x.a.b:1", "c", "c.:80", "ab", "abc", "a-b.b", "A.B", "\u{e9}.b", "[::1]:80", "a.b:80:80", "a\n.b"]
    }()
}
