import Regexp
import Testing

@Suite("Sets of regexps")
struct RegexpSetTests {
    static let patterns = ["^a", "b", "^(a|b)c$", "", "^x|b", "[.]org$", "^?b", "(?<n>c)"]

    @Test("agrees with each pattern alone", arguments: ["", "a", "b", "ab", "ac", "bc", "xb", "cb", "host.org", "äb"])
    func agrees(text: String) throws {
        let set = try RegexpSet(Self.patterns)
        let expected = try Self.patterns.indices.filter { try CompiledRegexp(Self.patterns[$0]).matches(text) }
        #expect(set.match(text) == expected)
    }

    @Test func emptySetMatchesNothing() throws {
        #expect(try RegexpSet([]).match("a") == [])
    }

    @Test func invalidBytesCountAsOneCharacter() throws {
        let set = try RegexpSet(["^a.$", "^a$", "..."])
        var matches = [7]
        ([0x61, 0xFF] as [UInt8]).withUnsafeBytes { set.match($0, into: &matches) }
        #expect(matches == [0])
    }

    @Test("names the pattern it refuses", arguments: ["(", "a**", "(?=a)", #"\C"#])
    func refused(pattern: String) {
        let error = #expect(throws: RegexpError.self) { try RegexpSet(["a", pattern, "b"]) }
        #expect(error?.pattern == pattern)
    }

    @Test func refusesWhatExceedsItsMemoryTogether() {
        let error = #expect(throws: RegexpError.self) { try RegexpSet((0..<400).map { "\($0)" + #"\pL{30}\pN{30}\pS{30}"# }) }
        #expect(error?.reason == .programTooLarge)
    }

    @Test("thousands of hosts", arguments: [0, 1, 2499, 4999])
    func hosts(index: Int) throws {
        let set = try Self.hostSet.get()
        #expect(set.match("shop-\(index).example.org:8080") == [index])
        #expect(set.match("shop-\(index).example.orgs") == [])
    }

    static let hostSet = Result { try RegexpSet((0..<5000).map { "^(shop-\($0)[.]example[.]org[.]?(:[0-9]+)?)$" }) }
}
