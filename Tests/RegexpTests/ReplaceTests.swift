import Regexp
import Testing

@Suite("Replacement in Go's template language")
struct ReplaceTests {
    @Test(arguments: [
        ("a(x*)b", "-ab-axxb-", "T", "-T-T-"), ("a(x*)b", "-ab-axxb-", "$1", "--xx-"), ("a(x*)b", "-ab-axxb-", "$1W", "---"), ("a(x*)b", "-ab-axxb-", "${1}W", "-W-xxW-"),
        ("a(?P<1W>x*)b", "-ab-axxb-", "$1W", "--xx-"), ("^/(?P<v>v[0-9])/(.*)$", "/v1/a/b", "/${2}?v=$v", "/a/b?v=v1"),
        ("a", "a", "$$1", "$1"), ("a", "a", "$", "$"), ("a", "a", "$-", "$-"), ("a", "a", "${a.b}", "${a.b}"), ("a", "a", "${", "${"), ("a", "a", "${}", "${}"), ("a", "a", "${1", "${1"),
        ("a", "a", "[$0]", "[a]"), ("a", "a", "[$9]", "[]"), ("a", "a", "[$none]", "[]"), ("(a)", "a", "$01", ""), ("(a)", "a", "$123456789", ""), ("(a)|b", "b", "<$1>", "<>"),
        ("(a)(?P<b>b)", "ab", "$2$1$b", "bab"), ("a", "a", "$1é", ""), ("(?P<é>a)", "x", "$é", "x"),
    ] as [(String, String, String, String)])
    func expands(pattern: String, text: String, template: String, expected: String) throws {
        guard let regexp = try? CompiledRegexp(pattern) else { return #expect(pattern.contains("é")) }
        #expect(regexp.replaceAll(in: text, with: RegexpTemplate(template, for: regexp)) == expected)
    }

    @Test("empty matches", arguments: [
        ("", "", "x", "x"), ("", "ab", "x", "xaxbx"), ("", "äb", "x", "xäxbx"), ("a*", "baac", "x", "xbxcx"), ("a*", "aa", "x", "x"), ("^", "ab", "x", "xab"), ("$", "ab", "x", "abx"),
        ("b*", "abb", "x", "xax"), (#"\b"#, "ab cd", "|", "|ab| |cd|"), ("x*", "\u{1F600}", "-", "-\u{1F600}-"),
    ])
    func emptyMatches(pattern: String, text: String, template: String, expected: String) throws {
        let regexp = try CompiledRegexp(pattern)
        #expect(regexp.replaceAll(in: text, with: RegexpTemplate(template, for: regexp)) == expected)
    }

    @Test func anchorsDoNotMatchBehindAReplacement() throws {
        let regexp = try CompiledRegexp("^a")
        #expect(regexp.replaceAll(in: "aaa", with: RegexpTemplate("", for: regexp)) == "aa")
    }

    @Test func literalKeepsDollars() throws {
        let regexp = try CompiledRegexp("(a)")
        #expect(regexp.replaceAll(in: "xa", with: RegexpTemplate(literal: "$1$$".utf8)) == "x$1$$")
    }

    @Test func leavesOutputAloneWithoutAMatch() throws {
        var output = Array("kept".utf8)
        let regexp = try CompiledRegexp("a")
        let result = Array("bbb".utf8).withUnsafeBytes {
            regexp.appendReplacing(in: $0, with: RegexpTemplate(literal: "x".utf8), to: &output)
        }
        #expect(result == .unchanged)
        #expect(output == Array("kept".utf8))
    }

    @Test func invalidBytesPassUnchanged() throws {
        let regexp = try CompiledRegexp("/(.)/")
        var output: [UInt8] = []
        let result = ([0xC3, 0x2F, 0xFF, 0x2F, 0x80] as [UInt8]).withUnsafeBytes {
            regexp.appendReplacing(in: $0, with: RegexpTemplate("<$1>", for: regexp), to: &output)
        }
        #expect(result == .replaced)
        #expect(output == [0xC3, 0x3C, 0xFF, 0x3E, 0x80])
    }

    @Test("stops at the limit and takes back what it wrote", arguments: [("a", 10, Replacement.replaced), ("a", 9, .tooLong), ("aaaaa", 9, .tooLong)])
    func limit(text: String, bytesMax: Int, expected: Replacement) throws {
        let regexp = try CompiledRegexp("a")
        var output: [UInt8] = [1, 2]
        let result = Array(text.utf8).withUnsafeBytes {
            regexp.appendReplacing(in: $0, with: RegexpTemplate("$0$0$0$0$0$0$0$0$0$0", for: regexp), to: &output, outputBytesMax: bytesMax)
        }
        #expect(result == expected)
        if expected == .tooLong { #expect(output == [1, 2]) } else { #expect(output.count == 12) }
    }
}

