/// Classes of bytes in HTTP's grammar, RFC 9110 §5.6 and RFC 3986.
public enum ASCII {
    @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    @inline(__always)
    public static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    @inline(__always)
    public static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inline(__always)
    public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// `tchar` of RFC 9110 §5.6.2: what methods and field names are made of.
    @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        byte < 128 && tokenTable.utf8Start[Int(byte)] == UInt8(ascii: "1")
    }

    /// By byte, `1` for those of a token: a literal's bytes are constants of the program, read without any call.
    @inline(__always)
    private static var tokenTable: StaticString {
        "00000000000000000000000000000000010111110011011011111111110000000111111111111111111111111110001111111111111111111111111111101010"
    }

    /// Letters, digits and `-._~`, RFC 3986 §2.3.
    @inline(__always)
    public static func isUnreserved(_ byte: UInt8) -> Bool { unreservedBytes.contains(byte) }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inline(__always)
    public static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// The upper-case hexadecimal digit of `value`, 0...15.
    @inline(__always)
    public static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + (value - 10) }

    @inline(__always)
    static var unreservedBytes: ByteSet { ByteSet(low: 0x03FF600000000000, high: 0x47FFFFFE87FFFFFE) }
}

/// A set of ASCII bytes as two words of bits: membership costs a shift and no memory access.
///
/// Sets on the data path are computed properties of constant words, since a stored global would be looked up by a call
/// for every byte; `ByteSetTests` holds the words against the characters they stand for.
public struct ByteSet: Equatable, Sendable {
    public let low: UInt64
    public let high: UInt64

    @inline(__always)
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// - Parameter members: ASCII characters only.
    public init(_ members: StaticString) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in UnsafeRawBufferPointer(members) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte &- 64) }
        }
        self.init(low: low, high: high)
    }

    @inline(__always)
    public func contains(_ byte: UInt8) -> Bool {
        if byte >= 128 { return false }
        return (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 != 0
    }
}
