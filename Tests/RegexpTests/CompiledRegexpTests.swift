import Regexp
import Testing

@Suite("Regular expressions in Go's dialect")
struct CompiledRegexpTests {
    @Test(arguments: [
        ("a", "bab", true), ("^a", "ba", false), ("a$", "ab", false), ("a$", "a\n", false), ("^b", "a\nb", false), ("(?m)^b", "a\nb", true),
        ("", "", true), ("^$", "", true), ("a.b", "a\nb", false), ("(?s)a.b", "a\nb", true), ("(?i)ÄB", "äb", true),
        ("^/api/v[0-9]+(/|$)", "/api/v12/x", true), ("^/api/v[0-9]+(/|$)", "/api/vx", false), (#"\bfoo\b"#, "a foo b", true),
        (#"^(a[.]example[.]org[.]?(:[0-9]+)?)$"#, "a.example.org:80", true), (#"^\pL+$"#, "straße", true), (#"^\d+$"#, "٣", false),
        ("[[:alpha:]]", "7x", true), (#"\Q(?<a>\E"#, "(?<a>", true), (#"[(?<]"#, "<", true), (#"\(?<a"#, "<a", true), ("[]?(?<a>]", "]", true),
        ("[[:digit:](?<a>]x", "<x", true), ("(?<host>[a-z]+)x", "abx", true), ("(?P<host>[a-z]+)x", "abx", true), (#"\x{10FFFF}"#, "\u{10FFFF}", true),
    ])
    func matches(pattern: String, text: String, expected: Bool) throws {
        #expect(try CompiledRegexp(pattern).matches(text) == expected)
    }

    @Test("says what is wrong and where", arguments: [
        ("a(b", .missingParenthesis, nil), ("ab)", .unexpectedParenthesis, nil), ("x[a", .missingBracket, 1), ("ab**", .badRepeatOperator, 2),
        ("*a", .missingRepeatArgument, 0), ("a{1001}", .badRepeatSize, 1), ("a{2,1}", .badRepeatSize, 1), ("a[z-b]", .badCharacterRange, 2),
        ("a(?=b)", .badGroupSyntax, 1), ("(?<!a)b", .badGroupSyntax, 0), ("(?<=a)b", .badGroupSyntax, 0), (#"(a)\1"#, .badEscape, 3), (#"a\C"#, .badEscape, 1),
        (#"a\"#, .trailingBackslash, nil), ("[[:nope:]]", .badCharacterRange, 1), ("(?P<a b>c)", .badGroupName, nil),
        (#"x(?>a)"#, .badGroupSyntax, 1), ("((a{100}){100}){100}", .badRepeatSize, nil), (#"(\pL{500}|\pN{400}){2}"#, .programTooLarge, nil),
    ] as [(String, RegexpError.Reason, Int?)])
    func refused(pattern: String, reason: RegexpError.Reason, offset: Int?) {
        let error = #expect(throws: RegexpError.self) { try CompiledRegexp(pattern) }
        #expect(error?.reason == reason)
        #expect(error?.pattern == pattern)
        if let offset { #expect(error?.offset == offset) }
    }

    @Test func messageNamesPatternAndPlace() {
        let error = #expect(throws: RegexpError.self) { try CompiledRegexp("ab**") }
        #expect(error?.description == "regexp /ab**/: repetition of a repetition: \"**\" at byte 2")
    }

    @Test func refusesAPatternBeyondTheLimit() throws {
        let longest = String(repeating: "a", count: RegexpLimits.patternBytesMax)
        #expect(try !CompiledRegexp(longest).matches("a"))
        let error = #expect(throws: RegexpError.self) { try CompiledRegexp(longest + "a") }
        #expect(error?.reason == .patternTooLong)
        #expect((error?.description.utf8.count ?? .max) < 400)
    }

    @Test func acceptsALargeProgramWithinTheLargerLimit() throws {
        #expect(try CompiledRegexp(#"^\pL{100}$"#).matches(String(repeating: "ß", count: 100)))
    }

    @Test("an invalid byte counts as one U+FFFD, as in Go", arguments: [
        ("^.$", [0xFF], true), ("^..$", [0xC3, 0x28], true), ("^/[^/]+$", [0x2F, 0x80, 0x81], true), (#"\x{FFFD}"#, [0x61, 0xC0, 0x62], true),
        ("^.{3}$", [0xED, 0xA0, 0x80], true), ("^.$", [0xED, 0xA0, 0x80], false), ("^.{4}$", [0xF4, 0x90, 0x80, 0x80], true), ("^.{2}$", [0xC0, 0xAF], true),
        ("/", [0xC0, 0xAF], false), ("^.{3}$", [0xE2, 0x82, 0x61], true), ("^a.$", [0x61, 0xE2], true), ("^.$", [0xE2, 0x82, 0xAC], true),
        ("^/admin", [0xFF, 0x2F, 0x61, 0x64, 0x6D, 0x69, 0x6E], false),
    ] as [(String, [UInt8], Bool)])
    func invalidText(pattern: String, text: [UInt8], expected: Bool) throws {
        let regexp = try CompiledRegexp(pattern)
        #expect(text.withUnsafeBytes { regexp.matches($0) } == expected)
    }

    @Test func emptyBufferWithoutAddressIsEmptyText() throws {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(try CompiledRegexp("^$").matches(empty))
        #expect(try CompiledRegexp("(a*)$").withCaptures(in: empty) { $0.map(\.range) } == [0..<0, 0..<0])
        #expect(try !CompiledRegexp("a").matches(empty))
    }

    @Test func capturesCountBytesOfTheOriginalText() throws {
        let regexp = try CompiledRegexp("(?P<first>.)/(x)?(b+)")
        let text: [UInt8] = [0xFF, 0xFE, 0x2F, 0x62, 0x62, 0x80]
        let captures = text.withUnsafeBytes { text in regexp.withCaptures(in: text) { $0.map(\.range) } }
        #expect(captures == [1..<5, 1..<2, nil, 3..<5])
        #expect(regexp.groupIndex(named: "first") == 1)
        #expect(regexp.groupIndex(named: "second") == nil)
        #expect(regexp.groupCount == 3)
    }

    @Test("searches on with what stands before as context", arguments: [
        ("a", 0, 0..<1), ("a", 1, 1..<2), ("a", 2, nil), ("^a", 1, nil), (#"\Ba"#, 1, 1..<2), ("$", 3, 3..<3), ("b?", 3, 3..<3),
    ] as [(String, Int, Range<Int>?)])
    func firstMatch(pattern: String, start: Int, expected: Range<Int>?) throws {
        let regexp = try CompiledRegexp(pattern)
        #expect(Array("aab".utf8).withUnsafeBytes { regexp.firstMatch(in: $0, from: start) } == expected)
    }

    @Test func theLeftmostOfEqualNamesCounts() throws {
        #expect(try CompiledRegexp("(?P<n>a)(?P<n>b)").groupIndex(named: "n") == 1)
    }

    @Test func manyGroupsAreAllReported() throws {
        let regexp = try CompiledRegexp(String(repeating: "(a)", count: 60))
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 60)
        let last = text.withUnsafeBytes { text in regexp.withCaptures(in: text) { $0[60].range } }
        #expect(last == 59..<60)
    }

    @Test func nestedQuantifiersStayLinear() throws {
        // Seconds with RE2, for ever with a backtracking engine.
        let regexp = try CompiledRegexp("^(a+)+$")
        #expect(!regexp.matches(String(repeating: "a", count: 50_000) + "b"))
    }

    @Test func anAutomatonBeyondItsMemoryStillAnswers() throws {
        // 2^20 states would be needed; RE2 drops states and goes on.
        let regexp = try CompiledRegexp("[ab]*a[ab]{20}$")
        var state: UInt32 = 1
        let text = (0..<20_000).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(ascii: state >> 31 == 0 ? "a" : "b")
        }
        let expected = text[text.count - 21] == UInt8(ascii: "a")
        #expect(text.withUnsafeBytes { regexp.matches($0) } == expected)
    }
}

@Suite("Shared regexps")
struct SharedRegexpTests {
    @Test func equalPatternsShareOne() throws {
        let first = try CompiledRegexp.shared("^shared-[a-z]+$")
        let second = try CompiledRegexp.shared("^shared-[a-z]+$")
        #expect(first === second)
        #expect(try CompiledRegexp.shared("^shared-[a-z]*$") !== first)
    }

    @Test func theLastHolderReleases() throws {
        weak var released: CompiledRegexp?
        do {
            let held = try CompiledRegexp.shared("^released$")
            released = held
            #expect(held.matches("released"))
        }
        #expect(released == nil)
        #expect(try CompiledRegexp.shared("^released$").matches("released"))
    }

    @Test func aBadPatternIsNotKept() {
        #expect(throws: RegexpError.self) { try CompiledRegexp.shared("(") }
        #expect(throws: RegexpError.self) { try CompiledRegexp.shared("(") }
    }
}
