import Bytes

/// What RFC 9113 §8.2 asks of fields beyond HTTP/1's grammar. A message that breaks these rules is malformed, since a
/// translation to HTTP/1 could read it in another way.
enum FieldRules {
    /// Fields that speak about a connection, §8.2.2.
    private static let connectionSpecific = KnownFieldSet(.connection, .proxyConnection, .keepAlive, .transferEncoding, .upgrade)
    /// What may not stand in a trailer section, RFC 9110 §6.5.1.
    private static let headOnly = KnownFieldSet(.contentLength, .host, .trailer, .te)

    /// - Returns: the field's name as the proxy knows it; nil if the field may not be there.
    @inline(__always)
    static func check(_ name: BorrowedBytes, _ value: BorrowedBytes, isTrailer: Bool) -> KnownField? {
        guard isLowerCaseToken(name), isValue(value) else { return nil }
        let known = KnownField(name: name)
        if known == .other { return known }
        if connectionSpecific.contains(known) { return nil }
        if known == .te, !value.equalsIgnoringCase("trailers") { return nil }
        if isTrailer, headOnly.contains(known) { return nil }
        return known
    }

    @inline(__always)
    private static func isLowerCaseToken(_ name: BorrowedBytes) -> Bool {
        guard let base = name.baseAddress, name.count > 0, name.count <= Limits.fieldNameBytesMax else { return false }
        guard FieldParser.endOfToken(base, 0, name.count) == name.count else { return false }
        var upper: UInt64 = 0
        var index = 0
        while index + 8 <= name.count {
            upper |= upperCaseBytes(base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        while index < name.count {
            if base.load(fromByteOffset: index, as: UInt8.self) &- 0x41 < 26 { return false }
            index += 1
        }
        return upper == 0
    }

    /// The highest bit of each byte that is an upper-case letter; of ASCII only, which tokens are.
    @inline(__always)
    private static func upperCaseBytes(_ word: UInt64) -> UInt64 {
        let low: UInt64 = 0x0101_0101_0101_0101
        return (word &+ (low &* (0x80 - 0x41))) & ~(word &+ (low &* (0x80 - 0x5B))) & (low &* 0x80)
    }

    /// No control characters and no white space at either end, §8.2.1.
    @inline(__always)
    static func isValue(_ value: BorrowedBytes) -> Bool {
        guard let base = value.baseAddress, value.count > 0 else { return true }
        if ASCII.isBlank(value[0]) || ASCII.isBlank(value[value.count - 1]) { return false }
        return FieldParser.endOfValue(base, 0, value.count) == value.count
    }
}
