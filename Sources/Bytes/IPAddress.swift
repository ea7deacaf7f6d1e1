/// An IPv4 or IPv6 address without port and without zone.
///
/// 128 bits in network order; IPv4 is kept in its v4-mapped form (RFC 4291 §2.5.5.2), so that `10.0.0.1` and
/// `::ffff:10.0.0.1` are one address: a dual-stack listener reports the second for a client the operator knows by the first.
public struct IPAddress: Hashable, Sendable {
    /// The first eight octets, most significant first.
    public let high: UInt64
    /// The last eight octets, most significant first.
    public let low: UInt64

    /// The longest text `write(into:)` produces, in bytes: eight groups of four digits and seven colons.
    public static let textBytesMax = 39

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The unspecified address `::`.
    public init() { self.init(high: 0, low: 0) }

    /// An IPv4 address; `v4` in host order (`127.0.0.1` is `0x7f00_0001`).
    public init(v4: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4))
    }

    public static let unspecifiedV4 = IPAddress(v4: 0)
    public static let unspecifiedV6 = IPAddress()
    public static let loopbackV4 = IPAddress(v4: 0x7f00_0001)
    public static let loopbackV6 = IPAddress(high: 0, low: 1)

    @inlinable public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The IPv4 address in host order; meaningless unless `isIPv4`.
    @inlinable public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    @inlinable public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    public init(bits: UInt128) {
        self.init(high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    /// `0.0.0.0` or `::`.
    public var isUnspecified: Bool { self == .unspecifiedV4 || self == .unspecifiedV6 }
}

// MARK: - Text in

extension IPAddress {
    /// Parses exactly one address.
    ///
    /// Strict: four decimal octets without leading zeros (`010` means 8 to some readers and 10 to others), or RFC 4291 §2.2 text.
    /// Brackets, ports, blanks and zones (`fe80::1%eth0`) are refused: a zone means something on one host only.
    public init?(_ text: UnsafeRawBufferPointer) {
        var parser = AddressParser(text: text)
        guard let address = parser.parse() else { return nil }
        self = address
    }

    /// Parses exactly one address, by the same rules.
    public init?(_ text: String) {
        var text = text
        guard let address = text.withUTF8({ IPAddress(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = address
    }
}

private struct AddressParser {
    let text: UnsafeRawBufferPointer
    var index = 0

    init(text: UnsafeRawBufferPointer) { self.text = text }

    mutating func parse() -> IPAddress? {
        // The longest text is a v6 address that ends in dotted decimals: 45 bytes.
        guard text.count >= 2, text.count <= 45 else { return nil }
        for byte in text {
            if byte == UInt8(ascii: ".") { return parseV4(to: text.count).map { IPAddress(v4: $0) } }
            if byte == UInt8(ascii: ":") { return parseV6() }
        }
        return nil
    }

    /// Four octets from `index` to exactly `end`.
    mutating func parseV4(to end: Int) -> UInt32? {
        var value: UInt32 = 0
        for octet in 0..<4 {
            if octet > 0 {
                guard index < end, text[index] == UInt8(ascii: ".") else { return nil }
                index += 1
            }
            guard let next = parseOctet(to: end) else { return nil }
            value = value << 8 | next
        }
        return index == end ? value : nil
    }

    mutating func parseOctet(to end: Int) -> UInt32? {
        let start = index
        var value: UInt32 = 0
        while index < end, case let digit = text[index] &- UInt8(ascii: "0"), digit < 10 {
            value = value * 10 + UInt32(digit)
            index += 1
            guard value <= 255 else { return nil }
        }
        let count = index - start
        guard count > 0, count == 1 || text[start] != UInt8(ascii: "0") else { return nil }
        return value
    }

    mutating func parseV6() -> IPAddress? {
        var groups: UInt128 = 0     // groups read so far, the last one lowest
        var count = 0
        var gap: Int?               // how many groups stand before "::"
        if text[0] == UInt8(ascii: ":") {
            guard text[1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            index = 2
        }
        while index < text.count {
            guard count < 8, let (width, value) = parseGroup(mayBeV4: gap != nil ? count <= 6 : count == 6) else { return nil }
            groups = groups << (16 * UInt128(width)) | UInt128(value)
            count += width
            guard index < text.count else { break }
            // After a group only a colon may follow, and something after the colon.
            guard text[index] == UInt8(ascii: ":"), index + 1 < text.count else { return nil }
            index += 1
            if text[index] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = count
                index += 1
            }
        }
        return Self.expand(groups, count: count, gap: gap)
    }

    /// One group of one to four hex digits (width 1), or the dotted end of the address (width 2).
    mutating func parseGroup(mayBeV4: Bool) -> (width: Int, value: UInt32)? {
        let start = index
        var value: UInt32 = 0
        while index < text.count, let digit = Self.hexValue(text[index]) {
            guard index - start < 4 else { return nil }
            value = value << 4 | digit
            index += 1
        }
        guard index > start else { return nil }
        guard index < text.count, text[index] == UInt8(ascii: ".") else { return (1, value) }
        index = start
        guard mayBeV4, let v4 = parseV4(to: text.count) else { return nil }
        return (2, v4)
    }

    /// Opens the "::" to as many zero groups as are missing; it must stand for at least one.
    static func expand(_ groups: UInt128, count: Int, gap: Int?) -> IPAddress? {
        guard let gap else { return count == 8 ? IPAddress(bits: groups) : nil }
        guard count < 8 else { return nil }
        let tailBits = UInt128(16 * (count - gap))
        let tail = groups & ((1 << tailBits) - 1)
        // Shifting a UInt128 by 128 gives 0, which is the head's value when nothing stands before "::".
        let head = (groups >> tailBits) << UInt128(16 * (8 - gap))
        return IPAddress(bits: head | tail)
    }

    static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

// MARK: - Text out

extension IPAddress: CustomStringConvertible {
    /// Writes the canonical text (RFC 5952; v4-mapped addresses as dotted decimals) and returns its length.
    ///
    /// - Precondition: `target` holds `textBytesMax` bytes.
    @discardableResult
    public func write(into target: UnsafeMutableRawBufferPointer) -> Int {
        precondition(target.count >= Self.textBytesMax, "an address needs \(Self.textBytesMax) bytes, found \(target.count)")
        var writer = AddressWriter(target: target)
        if isIPv4 { writer.writeV4(v4) } else { writer.writeV6(bits) }
        return writer.count
    }

    /// Calls `body` with the canonical text; nothing is allocated.
    public func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Self.textBytesMax, alignment: 1) { scratch in
            let count = write(into: scratch)
            return body(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        }
    }

    public var description: String { withText { String(decoding: $0, as: UTF8.self) } }
}

private struct AddressWriter {
    let target: UnsafeMutableRawBufferPointer
    var count = 0

    init(target: UnsafeMutableRawBufferPointer) { self.target = target }

    mutating func append(_ byte: UInt8) {
        target[count] = byte
        count += 1
    }

    mutating func append(digit: UInt32) {
        append(UInt8(digit < 10 ? 48 + digit : 87 + digit))
    }

    mutating func writeV4(_ value: UInt32) {
        for index: UInt32 in 0..<4 {
            let octet = value >> (24 - 8 * index) & 0xff
            if octet >= 100 { append(digit: octet / 100) }
            if octet >= 10 { append(digit: octet / 10 % 10) }
            append(digit: octet % 10)
            if index < 3 { append(UInt8(ascii: ".")) }
        }
    }

    mutating func writeV6(_ bits: UInt128) {
        let zeros = Self.longestZeroRun(bits)
        var group = 0
        while group < 8 {
            if group == zeros.lowerBound, !zeros.isEmpty {
                append(UInt8(ascii: ":"))
                append(UInt8(ascii: ":"))
                group = zeros.upperBound
                continue
            }
            if group > 0, group != zeros.upperBound || zeros.isEmpty { append(UInt8(ascii: ":")) }
            writeGroup(Self.group(group, of: bits))
            group += 1
        }
    }

    mutating func writeGroup(_ value: UInt32) {
        if value >= 0x1000 { append(digit: value >> 12) }
        if value >= 0x100 { append(digit: value >> 8 & 0xf) }
        if value >= 0x10 { append(digit: value >> 4 & 0xf) }
        append(digit: value & 0xf)
    }

    static func group(_ index: Int, of bits: UInt128) -> UInt32 {
        UInt32(truncatingIfNeeded: bits >> UInt128(16 * (7 - index))) & 0xffff
    }

    /// RFC 5952 §4.2: the first of the longest runs of at least two zero groups; empty if there is none.
    static func longestZeroRun(_ bits: UInt128) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in 0..<8 {
            if group(index, of: bits) != 0 {
                start = index + 1
            } else if index + 1 - start > max(longest.count, 1) {
                longest = start..<(index + 1)
            }
        }
        return longest
    }
}
